import Foundation
import Tensors
import Testing

@Suite struct NPYTests {
    /// Files of every type by numpy: 0, 1/4, 2/4 … or integers.
    @Test(
        arguments: [
            ("f4", ElementType.float32, [0, 0.25, 0.5, 0.75, 1, 1.25]),
            ("f2", .float16, [0, 0.25, 0.5, 0.75, 1, 1.25]),
            ("f8", .float64, [0, 0.25, 0.5, 0.75, 1, 1.25]),
            ("i8", .int64, [-3, -2, -1, 0, 1, 2]),
            ("bool", .bool, [0, 1, 0, 1, 0, 1]),
            ("version2", .float32, [0, 1, 2, 3, 4, 5]),
            ("version3", .float32, [0, 1, 2, 3, 4, 5]),
        ] as [(String, ElementType, [Float])])
    func readsNumPyFiles(name: String, type: ElementType, values: [Float]) throws {
        let file = try TensorFile(contentsOf: fixture("\(name).npy"))
        #expect(file.names == ["array"])
        #expect(file.elementType(of: "array") == type)
        #expect(try file.tensor(named: "array") == Tensor(values, shape: [2, 3]))
    }

    @Test(
        arguments: [("u2", 2, ElementType.uint16), ("u4", 4, .uint32), ("u8", 8, .uint64)]
            as [(String, Int, ElementType)])
    func readsUnsignedIntegers(name: String, size: Int, type: ElementType) throws {
        var header = "{'descr': '<\(name)', 'fortran_order': False, 'shape': (3,), }"
        header += String(repeating: " ", count: 128 - 10 - 1 - header.count) + "\n"
        var file = Data([0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0]) + Data(header.utf8)
        for value in [0, 1, 65_535] as [UInt64] {
            file += (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        }
        try withDirectory { directory in
            let path = directory + "/array.npy"
            try file.write(to: URL(fileURLWithPath: path))
            #expect(try TensorFile(contentsOf: path).elementType(of: "array") == type)
            #expect(try Tensor(npy: path) == Tensor([0, 1, 65_535], shape: [3]))
        }
    }

    @Test func readsColumnMajorScalarAndEmptyArrays() throws {
        let columns = try Tensor(npy: fixture("fortran.npy"))
        #expect(columns == Tensor((0..<24).map(Float.init), shape: [2, 3, 4]))
        #expect(try Tensor(npy: fixture("scalar.npy")) == Tensor([2.5], shape: []))
        #expect(try Tensor(npy: fixture("empty.npy")).shape == [0, 3])
    }

    @Test func writesTheSameBytesAsNumPy() throws {
        try withDirectory { directory in
            for name in ["f4", "scalar", "empty"] {
                let path = directory + "/\(name).npy"
                try Tensor(npy: fixture("\(name).npy")).writeNPY(to: path)
                #expect(
                    FileManager.default.contents(atPath: path)
                        == FileManager.default.contents(atPath: fixture("\(name).npy")))
            }
            let vector = Tensor([1, .nan, -.infinity], shape: [3])
            try vector.writeNPY(to: directory + "/vector.npy")
            let found = try Tensor(npy: directory + "/vector.npy")
            #expect(found.elements.map(\.bitPattern) == vector.elements.map(\.bitPattern))
            let files = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(files.count == 4, "a partial file was left behind: \(files)")
        }
    }

    @Test func rejectsInvalidFilesAndPaths() throws {
        let bigEndian = #expect(throws: TensorFileError.self) {
            try Tensor(npy: fixture("big_endian.npy"))
        }
        #expect(bigEndian?.description.contains("expected little-endian floats") == true)
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3037000500, 3037000500), }"
        let notUnderstood = "its npy header is not understood at byte"
        let claims = [
            (header, "the impossible shape"),
            (
                header.replacing("3037000500, 3037000500", with: "1000000000000,"),
                "leads outside the 64 bytes"
            ),
            (header.replacing("3037000500", with: "-1"), notUnderstood),
            (header.replacing("'<f4'", with: "'O'"), "its elements are 'O'"),
            (header.replacing("False", with: "Maybe"), notUnderstood),
            (header.replacing("'shape'", with: "'descr'"), notUnderstood),
        ]
        for (claim, reason) in claims {
            let bytes =
                [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(claim.utf8.count), 0]
                + Array(claim.utf8) + [UInt8](repeating: 0, count: 64)
            let message = try errorMessage(reading: bytes)
            #expect(message?.contains(reason) == true, "\(claim): \(message ?? "")")
        }
        let missing = "/no/such/directory/file.npy"
        #expect(
            throws: TensorFileError.unwritable(path: missing, reason: "No such file or directory")
        ) { try Tensor([1], shape: [1]).writeNPY(to: missing) }
        let other = fixture("values.safetensors")
        #expect(
            throws: TensorFileError.unsupported(
                path: other, reason: "it is safetensors; expected an npy file")
        ) { try Tensor(npy: other) }
    }
}
