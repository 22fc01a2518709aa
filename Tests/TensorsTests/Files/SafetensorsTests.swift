import Foundation
import Tensors
import Testing

@Suite struct SafetensorsTests {
    @Test func readsFileOfReferenceWriter() throws {
        let file = try TensorFile(contentsOf: fixture("values.safetensors"))
        #expect(file.format == .safetensors)
        #expect(file.metadata == ["format": "pt", "note": "a \"word\"\n"])
        let expected: [String: (ElementType, Tensor)] = [
            "f32": (.float32, Tensor([0, 0.25, 0.5, 0.75, 1, 1.25], shape: [2, 3])),
            // 0.1 and 6e-8 as the nearest halves, 0.1 and 3e38 as the nearest bfloat16.
            "f16": (.float16, Tensor([0x1.998p-4, 65504, 0x1p-24], shape: [3])),
            "bf16": (
                .bfloat16, Tensor([0x1.9ap-4, Float(bitPattern: 2_137_128_960), -1], shape: [3])
            ),
            "f64": (.float64, Tensor([0.1, -2], shape: [2])),
            "i64": (.int64, Tensor([-5, 16_777_216], shape: [2])),
            "bool": (.bool, Tensor([1, 0], shape: [2])),
            "scalar": (.float32, Tensor([-1.5], shape: [])),
            "empty": (.float32, Tensor([], shape: [0, 5])),
            "quote \" and \\ é": (.float32, Tensor([1], shape: [1])),
        ]
        #expect(Set(file.names) == Set(expected.keys))
        for (name, (type, tensor)) in expected {
            #expect(file.elementType(of: name) == type)
            #expect(file.shape(of: name) == tensor.shape)
            #expect(try file.tensor(named: name) == tensor)
        }
        #expect(throws: TensorFileError.noSuchTensor(path: file.path, name: "x")) {
            try file.tensor(named: "x")
        }
    }

    @Test func writtenTensorsReadBackUnchanged() throws {
        let tensors = [
            "b": Tensor([1, 0.1, -3], shape: [3, 1]), "a.\"\\\n é": Tensor([2], shape: []),
            "none": Tensor([], shape: [0]),
        ]
        try withDirectory { directory in
            let path = directory + "/out.safetensors"
            try Safetensors.write(tensors, metadata: ["k": "v\"\u{1}"], to: path)
            let file = try TensorFile(contentsOf: path)
            #expect(file.names == tensors.keys.sorted())
            #expect(file.metadata == ["k": "v\"\u{1}"])
            for (name, tensor) in tensors { #expect(try file.tensor(named: name) == tensor) }
            let header = try #require(FileManager.default.contents(atPath: path)).prefix(8)
            #expect(header[0] % 8 == 0, "the data does not start at a multiple of eight bytes")

            try Safetensors.write(tensors, as: .float16, to: path)
            let halves = try TensorFile(contentsOf: path)
            #expect(halves.elementType(of: "b") == .float16)
            #expect(
                try halves.tensor(named: "b") == Tensor([1, 0x1.998p-4, -3], shape: [3, 1]))
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == 1)
        }
    }

    @Test(
        arguments: [
            // header, bytes of data, part of the message
            (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4, "bytes 0..<8 of 4"),
            (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, "leads outside"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#, 8, "expected 4"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#, 8, "bytes 8..<4"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "starts at byte"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8, "end at byte"),
            (#"{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}"#, 8, "type C64"),
            (#"{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}"#, 2, "type F4"),
            (#"{"a":{"dtype":"C64","shape":[1],"data_offsets":[4,8]}}"#, 8, "starts at byte"),
            (#"{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,9]}}"#, 8, "bytes 0..<9 of 8"),
            (#"{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,1]}}"#, 1, "leads outside"),
            (
                #"{"a":{"dtype":"F32","shape":[4294967296,4294967296,0,1],"data_offsets":[0,0]}}"#,
                0,
                "imp"
            ),
            (
                #"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#, 4,
                "header"
            ),
            (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "header"),
            (
                #"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, 4,
                "shape"
            ),
            (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "header"),
            (#"{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}"#, 4, "header"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#, 4, "header"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}x"#, 4, "header"),
            (#"{"a":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"#, 0, "header"),
            (#"{"__metadata__":{"a":1}}"#, 0, "header"),
            (#"{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4, "header"),
            (
                #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#
                    + #""a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, 2, "twice"
            ),
            (
                #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"#
                    + #""b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, 3, "starts at byte"
            ),
        ] as [(String, Int, String)])
    func rejectsInvalidHeaders(header: String, data: Int, part: String) throws {
        let bytes =
            [UInt8](littleEndian: UInt64(header.utf8.count)) + Array(header.utf8)
            + [UInt8](repeating: 0, count: data)
        let message = try #require(try errorMessage(reading: bytes))
        #expect(message.contains(part), "\(message)")
    }

    /// Tensors of unsupported types do not affect the others.
    @Test func readsTensorsBesideUnsupportedTypes() throws {
        let header =
            #"{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]},"#
            + #""b":{"dtype":"U16","shape":[2],"data_offsets":[8,12]},"#
            + #""c":{"dtype":"X7","shape":[9,9],"data_offsets":[12,13]}}"#
        let bytes =
            [UInt8](littleEndian: UInt64(header.utf8.count)) + Array(header.utf8)
            + [UInt8](repeating: 0, count: 8) + [1, 0, 255, 255, 7]
        try withFile(bytes) { path in
            let file = try TensorFile(contentsOf: path)
            #expect(try file.tensor(named: "b").elements == [1, 65535])
            #expect(Set(file.names) == ["a", "b", "c"] && file.shape(of: "a") == nil)
        }
    }

    /// From 65520 and 3.3961775e38 on, numbers round to the next power of two, which the types cannot
    /// represent.
    @Test func refusesToWriteValuesThatRoundToInfinity() throws {
        try withDirectory { directory in
            let path = directory + "/out.safetensors"
            let cases: [(ElementType, fits: Float, exceeds: Float)] = [
                (.float16, 65519.996, -65520), (.float16, -65504, 70000),
                (.bfloat16, Float(bitPattern: 0x7f7f_7fff), Float(bitPattern: 0xff7f_8000)),
            ]
            for (type, fits, exceeds) in cases {
                let small = Tensor([1, .infinity, .nan, fits], shape: [4])
                try Safetensors.write(["small": small], as: type, to: path)
                let error = #expect(throws: TensorFileError.self) {
                    try Safetensors.write(
                        ["small": small, "b": Tensor([0, exceeds], shape: [2])], as: type, to: path)
                }
                #expect(
                    error
                        == .outOfRange(
                            path: path, type: type, names: ["b"], greatest: exceeds.magnitude))
                #expect(try TensorFile(contentsOf: path).names == ["small"], "file was replaced")
            }
        }
    }

    @Test(arguments: [UInt64(1) << 63, 1 << 40, 100_000_001, 50])
    func rejectsHeadersLongerThanTheFile(length: UInt64) throws {
        let bytes = [UInt8](littleEndian: length) + Array("{}".utf8)
        #expect(try errorMessage(reading: bytes) != nil)
    }
}
