import Foundation
import Tensors
import Testing

/// What `torch.load(weights_only=True)` opens, in files that PyTorch wrote (make_allowed.py).
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
    private let refused = [
        "complex": "complex64", "quantised": "quantised", "by channel": "quantised",
        "sparse": "sparse", "rows": "sparse", "meta": "without values", "negated": "negated",
        "bits": "bits8",
    ]

    @Test(arguments: ["allowed.pth", "allowed_legacy.pth"])
    func readsWhatIsAllowed(name: String) throws {
        let file = try TensorFile(contentsOf: fixture(name))
        let others = refused.keys.map { "not read.\($0)" }
        #expect(Set(file.names) == Set(expected.keys).union(others))
        for (name, tensor) in expected {
            let found = try file.tensor(named: name)
            // -0 is equal to 0, which the bits of the 8-bit floats tell below.
            #expect(found == tensor, "\(name): \(found.elements)")
        }
        #expect(file.elementType(of: "e4m3fn") == .float8E4M3FN)
        #expect(file.metadata == ["counter.steps": "7"])
    }

    /// What is not read stands in the way of nothing beside it, and says what it is.
    @Test(arguments: ["allowed.pth", "allowed_legacy.pth"])
    func saysWhatIsNotRead(name: String) throws {
        let file = try TensorFile(contentsOf: fixture(name))
        for (name, part) in refused {
            let name = "not read.\(name)"
            #expect(file.shape(of: name) == nil && file.elementType(of: name) == nil)
            let error = #expect(throws: TensorFileError.self) { try file.tensor(named: name) }
            let sentence = error?.description ?? ""
            #expect(sentence.contains(part) && sentence.contains(name), "\(sentence)")
        }
    }

    @Test func readsWhatScriptsKeepBesideWeights() throws {
        let file = try TensorFile(contentsOf: fixture("beside.pth"))
        #expect(file.names == ["defaultdict.x", "y"])
        #expect(try file.tensor(named: "defaultdict.x").elements == [1])
    }

    @Test func saysWhatToSaveInsteadOfCode() throws {
        func sentence(_ name: String) throws -> String? {
            let error = #expect(throws: TensorFileError.self) {
                try TensorFile(contentsOf: fixture(name))
            }
            return error?.description
        }
        let module = try #require(try sentence("module.pth"))
        #expect(module.contains("torch.nn.modules.linear.Linear"))
        #expect(module.contains("torch.save(model.state_dict()"))
        let script = try #require(try sentence("script.pt"))
        #expect(script.contains("TorchScript") && script.contains("state_dict"))
    }

    /// A view of 2^40 elements of one stored takes no memory, and hides nothing beside it.
    @Test func viewsTakeNoMoreMemoryThanAModelMay() throws {
        let file = try TensorFile(contentsOf: fixture("spread.pth"))
        let error = #expect(throws: TensorFileError.self) { try file.tensor(named: "a") }
        #expect(error?.description.contains("spreads 1 stored elements") == true)
        #expect(try file.tensor(named: "b").elements == [1, 1])
    }

    /// All 256 values of each type against PyTorch's, to the bit but for what a NaN carries.
    @Test(arguments: ["float8.pth", "float8.safetensors"])
    func floatsOfEightBitsAreExact(name: String) throws {
        let file = try TensorFile(contentsOf: fixture(name))
        let types: [String: ElementType] = [
            "e4m3fn": .float8E4M3FN, "e4m3fnuz": .float8E4M3FNUZ, "e5m2": .float8E5M2,
            "e5m2fnuz": .float8E5M2FNUZ, "e8m0fnu": .float8E8M0FNU,
        ]
        #expect(file.names.count == 2 * types.count)
        for (name, type) in types {
            #expect(file.elementType(of: name) == type && type.size == 1)
            let found = try file.tensor(named: name).elements
            let truth = try file.tensor(named: name + ".values").elements
            try #require(found.count == 256 && truth.count == 256)
            for (bits, (a, b)) in zip(found, truth).enumerated() {
                #expect(
                    a.isNaN && b.isNaN || a.bitPattern == b.bitPattern,
                    "\(type) \(bits): \(a), \(b)")
            }
        }
    }

    // What no PyTorch of today writes, opcode by opcode.

    /// Python 2 gives an OrderedDict its members as a list of lists.
    @Test func readsPairsOfPython2() throws {
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

    /// PyTorch 0.1 makes an object of a tensor's class and fills it.
    @Test(arguments: [("torch", "FloatTensor"), ("torch.cuda", "HalfTensor"), ("torch", "Tensor")])
    func readsTensorsThatAreFilled(module: String, name: String) throws {
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

    /// A parameter that is filled with a tensor.
    @Test func readsParametersThatAreFilled() throws {
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
