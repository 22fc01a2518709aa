import Foundation
import Tensors
import Testing

@Suite struct PyTorchFileTests {
    /// The tensors that make_files.py writes in each format.
    private var expected: [String: Tensor] {
        let ramp = (0..<24).map(Float.init)
        // The ramp as [4, 6], transposed; as [2, 3, 4], with its last dimension first.
        let transposed = (0..<6).flatMap { stride(from: Float($0), to: 24, by: 6) }
        let permuted = (0..<4).flatMap { stride(from: Float($0), to: 24, by: 4) }
        return [
            "model.plain": Tensor(ramp.map { $0 / 8 }, shape: [2, 3, 4]),
            "model.transposed": Tensor(transposed, shape: [6, 4]),
            "model.permuted": Tensor(permuted, shape: [4, 2, 3]),
            "model.sliced": Tensor([7, 9, 11, 13, 15, 17], shape: [2, 3]),
            "model.scalar": Tensor([-1.5], shape: []),
            "model.empty": Tensor([], shape: [0, 5]),
            "model.parameter": Tensor([1, 2], shape: [2]),
            "model.double": Tensor([0.1, .infinity, -2], shape: [3]),
            "model.half": Tensor([0x1.998p-4, 65504, 0x1p-24], shape: [3]),
            "model.bfloat16": Tensor(
                [0x1.9ap-4, Float(bitPattern: 2_137_128_960), -1], shape: [3]),
            "model.int64": Tensor([-5, 16_777_216, 7], shape: [3]),
            "model.int32": Tensor([-5, 6], shape: [2]),
            "model.int16": Tensor([-5, 6], shape: [2]),
            "model.int8": Tensor([-5, 6], shape: [2]),
            "model.uint8": Tensor([5, 250], shape: [2]),
            "model.bool": Tensor([1, 0, 1], shape: [3]),
            "list.0": Tensor([1], shape: [1]),
            "list.1.x": Tensor([2], shape: [1]),
            "7": Tensor([3], shape: [1]),
        ]
    }

    @Test(arguments: [
        ("values.pth", TensorFile.Format.pytorch), ("legacy.pth", .pytorchLegacy),
        ("protocol4.pth", .pytorch), ("no_prefix.pth", .pytorch), ("zip64.pth", .pytorch),
    ])
    func readsEveryFormat(name: String, format: TensorFile.Format) throws {
        let file = try TensorFile(contentsOf: fixture(name))
        #expect(file.format == format)
        #expect(Set(file.names) == Set(expected.keys))
        #expect(file.names.first == "model.plain")
        for (name, tensor) in expected {
            #expect(file.shape(of: name) == tensor.shape)
            #expect(try file.tensor(named: name) == tensor, "\(name)")
        }
        #expect(file.elementType(of: "model.bfloat16") == .bfloat16)
        #expect(
            file.metadata == [
                "epoch": "100", "args.arch": "vit_small", "args.lr": "0.0005",
                "args.use_fp16": "true",
            ])
    }

    @Test func readsBareTensor() throws {
        let file = try TensorFile(contentsOf: fixture("bare.pth"))
        #expect(file.names == ["tensor"])
        #expect(try file.tensor(named: "tensor") == Tensor([4, 5], shape: [2]))
    }

    @Test func rejectsUnreadableFiles() throws {
        func message(_ name: String) -> String {
            errorMessage(readingFile: fixture(name)) ?? "no error"
        }
        #expect(message("deflated.pth").contains("is compressed"))
        #expect(message("missing.pth").contains("No such file"))
        #expect(message("").contains("a folder without weights"))
        #expect(
            throws: TensorFileError.unreadable(
                path: "/dev/null", reason: "it is not a regular file")
        ) {
            try TensorFile(contentsOf: "/dev/null")
        }
        #expect(message("../make_files.py").contains("unknown format"))
    }

    @Test func readsExpandedTensor() throws {
        let file = try TensorFile(contentsOf: fixture("expanded.pth"))
        #expect(try file.tensor(named: "a") == Tensor(repeating: 0, shape: [1000]))
    }

    /// PyTorch of 2016 wrote views of storages, which later versions do not.
    @Test func readsViewsOfLegacyStorages() throws {
        var pickle = PickleBytes()
        pickle.global("torch._utils", "_rebuild_tensor")
        pickle.op("((")
        pickle.string("storage")
        pickle.global("torch", "FloatStorage")
        pickle.string("root")
        pickle.string("cpu")
        pickle.int(6)
        pickle.op("(")
        pickle.string("part")
        pickle.int(2)
        pickle.int(3)
        pickle.op("ttQ")
        pickle.int(1)
        pickle.tuple([2])
        pickle.tuple([1])
        pickle.op("tR.")
        var bytes: [UInt8] = [
            0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
        ]
        bytes += [0x80, 2, 0x4d, 0xe9, 3, 0x2e]
        var system = PickleBytes()
        system.op("}")
        system.string("little_endian")
        system.op(0x88, 0x73, 0x2e)
        var keys = PickleBytes()
        keys.op("]")
        keys.string("root")
        keys.op("a.")
        bytes += system.bytes + pickle.bytes + keys.bytes + .init(littleEndian: Int64(6))
        for value in 0..<6 { bytes += .init(littleEndian: Float(value).bitPattern) }
        try withFile(bytes) { path in
            let tensor = try TensorFile(contentsOf: path).tensor(named: "tensor")
            #expect(tensor == Tensor([3, 4], shape: [2]))
        }
        #expect(try errorMessage(reading: Array(bytes.dropLast())) != nil)
    }

    @Test func truncationAfterOpeningThrows() throws {
        let bytes = try #require(FileManager.default.contents(atPath: fixture("values.pth")))
        try withFile(Array(bytes)) { path in
            let file = try TensorFile(contentsOf: path)
            try #require(FileHandle(forWritingAtPath: path)).truncate(atOffset: 100)
            #expect(throws: TensorFileError.self) { try file.tensor(named: "model.plain") }
        }
    }

    @Test func identifiesOtherFileTypes() throws {
        #expect(try errorMessage(reading: [])?.contains("is empty") == true)
        let pointer = Array("version https://git-lfs.github.com/spec/v1\n".utf8)
        #expect(try errorMessage(reading: pointer)?.contains("Git LFS pointer") == true)
        #expect(try errorMessage(reading: Array("<!DOCTYPE html>".utf8))?.contains("HTML") == true)
        #expect(try errorMessage(reading: [0x80, 4, 0x2e])?.contains("torch.save") == true)
    }
}
