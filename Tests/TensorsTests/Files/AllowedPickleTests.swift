import Foundation
import Tensors
import Testing

/// The objects that `torch.load(weights_only=True)` accepts, in files that PyTorch wrote (make_allowed.py).
@Suite struct AllowedPickleTests {
    private let expected: [String: Tensor] = [
        "parameter": Tensor([0, 1, 2, 3, 4, 5], shape: [6]),
        "attributes": Tensor([1, 2, 3, 4, 5, 6], shape: [6]),
        "one": Tensor(repeating: 3, shape: [64]),
        "rows": Tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2], shape: [4, 3]),
        "columns": Tensor([1, 1, 1, 3, 3, 3], shape: [2, 3]),
        "e4m3fn": Tensor([2, 3, 4, 5], shape: [4]),
        "e5m2": Tensor([-0.0, -1, -2, -3, -4, -5], shape: [6]),
        "uint16": Tensor([1, 65535], shape: [2]),
        "uint32": Tensor([1, 0x1p32], shape: [2]),
        "uint64": Tensor([1, 0x1p63], shape: [2]),
        "ordered.a": Tensor([9], shape: [1]),
        "last": Tensor([8], shape: [1]),
    ]
    private let unsupported = [
        "complex": "complex64", "quantised": "quantised", "by channel": "quantised",
        "sparse": "sparse", "rows": "sparse", "meta": "without values", "negated": "negated",
        "bits": "bits8",
    ]

    @Test(arguments: ["allowed.pth", "allowed_legacy.pth"])
    func readsAllowedObjects(name: String) throws {
        let file = try TensorFile(contentsOf: fixture(name))
        let unreadable = unsupported.keys.map { "not read.\($0)" }
        #expect(Set(file.names) == Set(expected.keys).union(unreadable))
        for (name, tensor) in expected {
            let found = try file.tensor(named: name)
            // -0 equals 0 here; the test of 8-bit floats below compares bits.
            #expect(found == tensor, "\(name): \(found.elements)")
        }
        #expect(file.elementType(of: "e4m3fn") == .float8E4M3FN)
        #expect(file.metadata == ["counter.steps": "7"])
    }

    /// An unsupported tensor does not affect the others; reading it throws an error that names its kind.
    @Test(arguments: ["allowed.pth", "allowed_legacy.pth"])
    func namesUnsupportedTensors(name: String) throws {
        let file = try TensorFile(contentsOf: fixture(name))
        for (name, part) in unsupported {
            let name = "not read.\(name)"
            #expect(file.shape(of: name) == nil && file.elementType(of: name) == nil)
            let error = #expect(throws: TensorFileError.self) { try file.tensor(named: name) }
            let message = error?.description ?? ""
            #expect(message.contains(part) && message.contains(name), "\(message)")
        }
    }

    @Test func readsWeightsBesideOtherPythonObjects() throws {
        let file = try TensorFile(contentsOf: fixture("beside.pth"))
        #expect(file.names == ["defaultdict.x", "y"])
        #expect(try file.tensor(named: "defaultdict.x").elements == [1])
    }

    @Test func rejectsModulesAndSuggestsStateDict() throws {
        func message(_ name: String) throws -> String? {
            let error = #expect(throws: TensorFileError.self) {
                try TensorFile(contentsOf: fixture(name))
            }
            return error?.description
        }
        let module = try #require(try message("module.pth"))
        #expect(module.contains("torch.nn.modules.linear.Linear"))
        #expect(module.contains("torch.save(model.state_dict()"))
        let script = try #require(try message("script.pt"))
        #expect(script.contains("TorchScript") && script.contains("state_dict"))
    }

    /// A view of 2^40 elements over one stored element must neither take memory nor affect other tensors.
    @Test func rejectsHugeViews() throws {
        let file = try TensorFile(contentsOf: fixture("spread.pth"))
        let error = #expect(throws: TensorFileError.self) { try file.tensor(named: "a") }
        #expect(error?.description.contains("spreads 1 stored elements") == true)
        #expect(try file.tensor(named: "b").elements == [1, 1])
    }

    /// All 256 values of each type against PyTorch's, bit for bit except for the payloads of NaNs.
    @Test(arguments: ["float8.pth", "float8.safetensors"])
    func eightBitFloatsAreExact(name: String) throws {
        let file = try TensorFile(contentsOf: fixture(name))
        let types: [String: ElementType] = [
            "e4m3fn": .float8E4M3FN, "e4m3fnuz": .float8E4M3FNUZ, "e5m2": .float8E5M2,
            "e5m2fnuz": .float8E5M2FNUZ, "e8m0fnu": .float8E8M0FNU,
        ]
        #expect(file.names.count == 2 * types.count)
        for (name, type) in types {
            #expect(file.elementType(of: name) == type && type.size == 1)
            let found = try file.tensor(named: name).elements
            let expected = try file.tensor(named: name + ".values").elements
            try #require(found.count == 256 && expected.count == 256)
            for (bits, (a, b)) in zip(found, expected).enumerated() {
                #expect(
                    a.isNaN && b.isNaN || a.bitPattern == b.bitPattern,
                    "\(type) \(bits): \(a), \(b)")
            }
        }
    }

    // Forms that PyTorch no longer writes, built opcode by opcode.

    /// Python 2 passes the items of an OrderedDict as a list of lists.
    @Test func readsOrderedDictsOfPython2() throws {
        var pickle = PickleBytes()
        pickle.global("collections", "OrderedDict")
        pickle.op("]]")
        pickle.string("weight")
        pickle.op("a")
        pickle.tensor(count: 4, sizes: [4], strides: [1])
        pickle.op("aa")
        pickle.op(0x85, 0x52)
        try withFile(pickle.archive()) { path in
            let file = try TensorFile(contentsOf: path)
            #expect(file.names == ["weight"])
            #expect(try file.tensor(named: "weight").elements == [0, 1, 2, 3])
        }
    }

    /// PyTorch 0.1 creates an empty object of a tensor's class and then sets its state.
    @Test(arguments: [("torch", "FloatTensor"), ("torch.cuda", "HalfTensor"), ("torch", "Tensor")])
    func readsTensorsWithSeparateState(module: String, name: String) throws {
        var pickle = PickleBytes()
        pickle.global(module, name)
        pickle.op(")R((")
        pickle.string("storage")
        pickle.global("torch", "FloatStorage")
        pickle.string("0")
        pickle.string("cpu")
        pickle.int(4)
        pickle.op("tQ")
        pickle.int(1)
        pickle.tuple([3])
        pickle.tuple([1])
        pickle.op("tb")
        try withFile(pickle.archive()) { path in
            let tensor = try TensorFile(contentsOf: path).tensor(named: "tensor")
            #expect(tensor.elements == [1, 2, 3])
        }
    }

    /// A parameter whose state is a tensor.
    @Test func readsParametersWithSeparateState() throws {
        var pickle = PickleBytes()
        pickle.global("torch.nn.parameter", "Parameter")
        pickle.op(0x29, 0x81, 0x28)
        pickle.tensor(count: 4, sizes: [2], strides: [2])
        pickle.op("N}NNtb")
        try withFile(pickle.archive()) { path in
            let tensor = try TensorFile(contentsOf: path).tensor(named: "tensor")
            #expect(tensor.elements == [0, 2])
        }
    }
}
