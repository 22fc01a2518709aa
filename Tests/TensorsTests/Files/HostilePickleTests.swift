import Foundation
import Tensors
import Testing

/// Malicious pickles. Each must be read or rejected quickly, with little memory and a clear error.
@Suite struct HostilePickleTests {
    private func pickleError(_ fill: (inout PickleBytes) -> Void) throws -> String {
        var pickle = PickleBytes()
        fill(&pickle)
        return try #require(try errorMessage(reading: pickle.archive()))
    }

    @Test(arguments: [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("__builtin__", "exec"),
        ("torch", "load"), ("torch.storage", "_load_from_bytes"), ("torch", "os.system"),
        ("collections", "OrderedDict.__reduce__"), ("subprocess", "check_output"),
        ("torch._utils", "_import_dotted_name"), ("numpy", "load"), ("torch", "hub"),
        ("torch.serialization", "load"), ("builtins", "getattr"), ("torch.sparse", "mm"),
    ])
    func rejectsGlobalsThatAreNotAllowed(module: String, name: String) throws {
        let expected = "names \(module).\(name), which no weight file needs"
        let trace = FileManager.default.temporaryDirectory.appending(path: "\(UUID())").path
        let called = try pickleError {
            $0.op("}")
            $0.string("weight")
            $0.global(module, name)
            $0.string("touch \(trace)")
            $0.op(0x85, 0x52, 0x73)
        }
        #expect(called.hasSuffix(expected))
        // By STACK_GLOBAL, as in protocol 4; by INST; nested in the arguments of a known function.
        let byStackGlobal = try pickleError {
            $0.string(module)
            $0.string(name)
            $0.op(0x93)
        }
        #expect(byStackGlobal.hasSuffix(expected))
        #expect(try pickleError { $0.op("(i\(module)\n\(name)\n") }.hasSuffix(expected))
        let nested = try pickleError {
            $0.global("torch._utils", "_rebuild_tensor_v2")
            $0.op("(")
            $0.global(module, name)
        }
        #expect(nested.hasSuffix(expected))
        #expect(!FileManager.default.fileExists(atPath: trace))
    }

    @Test func rejectsMalformedPickles() throws {
        let pickles: [(String, (inout PickleBytes) -> Void)] = [
            ("nothing", { _ in }),
            ("an empty stack", { $0.op(0x85) }),
            ("no mark", { $0.op("t") }),
            ("a mark alone", { $0.op("(") }),
            ("an append below the mark", { $0.op("]N(a") }),
            ("an unknown opcode", { $0.op("NI1\n") }),
            ("protocol 9", { $0.op(0x80, 9) }),
            ("an undefined memo", { $0.op("h\u{1}") }),
            (
                "a call of a string",
                {
                    $0.string("os")
                    $0.op(0x29, 0x52)
                }
            ),
            (
                "a call of a storage type",
                {
                    $0.global("torch", "FloatStorage")
                    $0.op(")R")
                }
            ),
            (
                "arguments that are not a tuple",
                {
                    $0.global("torch", "Size")
                    $0.op("NR")
                }
            ),
            (
                "a parameter of None",
                {
                    $0.global("torch._utils", "_rebuild_parameter")
                    $0.op(0x4e, 0x85, 0x52)
                }
            ),
            ("an append to a tuple", { $0.op(")Na") }),
            ("a key without value", { $0.op("}(Nu") }),
            ("a string of 4 GB", { $0.op(0x58, 255, 255, 255, 255) }),
            ("a string of 2^64 bytes", { $0.op(0x8d, 255, 255, 255, 255, 255, 255, 255, 255) }),
            ("2^63 bytes", { $0.op(0x8e, 0, 0, 0, 0, 0, 0, 0, 128) }),
            ("an integer of -1 bytes", { $0.op(0x8b, 255, 255, 255, 255) }),
            ("an endless line", { $0.op("c" + String(repeating: "a", count: 5000)) }),
            (
                "a number as persistent ID",
                {
                    $0.int(1)
                    $0.op("Q")
                }
            ),
            ("an empty tuple as persistent ID", { $0.op(")Q") }),
            (
                "a tuple of numbers as persistent ID",
                {
                    $0.tuple([1, 2, 3, 4, 5])
                    $0.op("Q")
                }
            ),
            (
                "a persistent ID of another kind",
                {
                    $0.op("(")
                    $0.string("module")
                    for _ in 0..<4 { $0.op("N") }
                    $0.op("tQ")
                }
            ),
            (
                "a tensor made of numbers",
                {
                    $0.global("torch._utils", "_rebuild_tensor_v2")
                    $0.tuple([1, 2, 3, 4])
                    $0.op("R")
                }
            ),
        ]
        for (name, fill) in pickles {
            var pickle = PickleBytes()
            fill(&pickle)
            #expect(try errorMessage(reading: pickle.archive()) != nil, "\(name)")
        }
    }

    private static let outOfBounds: [(Int, Int, [Int], [Int])] = [
        // count of the storage (which has 4 elements), offset, sizes, strides
        (4, 0, [5], [1]), (4, 1, [4], [1]), (4, -1, [4], [1]), (4, 0, [2, 2], [3, 1]),
        (5, 0, [5], [1]), (-1, 0, [1], [1]), (4, 0, [-1], [1]), (4, 0, [2], [-1]),
        (4, 0, [2, 2], [1]), (4, 5, [0], [1]), (4, Int.max, [1], [1]),
        (4, 0, [1 << 40, 1 << 40], [0, 0]), (4, 0, [1 << 62, 1 << 62, 0], [1, 1, 1]),
        (4, 0, [1 << 40], [0]), (4, 0, [1_000_000_000_000], [0]),
        (4, 0, [2, 2], [Int.max, Int.max]),
        (4, 0, [1 << 32], [1 << 32]), (Int.max, 0, [4], [1]), (1 << 62, 0, [1 << 62], [1]),
        (4, 0, [1, 1, 1, 1, 1, 1, 1, 1, 4], [1, 1, 1, 1, 1, 1, 1, 1, 1]), (4, 0, [Int.max], [1]),
        (4, 0, [2, Int.max], [0, 0]),
    ]

    @Test(arguments: outOfBounds)
    func rejectsTensorsOutsideTheirStorage(
        count: Int, offset: Int, sizes: [Int], strides: [Int]
    ) throws {
        let message = try pickleError {
            $0.tensor(count: count, offset: offset, sizes: sizes, strides: strides)
        }
        #expect(message.contains("damaged") || message.contains("spreads"), "\(message)")
    }

    /// The same bounds from inside: these are valid, and strides that are never applied do not matter.
    @Test func readsTensorsUpToTheEndOfTheirStorage() throws {
        let valid: [(Int, [Int], [Int], [Float])] = [
            (0, [4], [1], [0, 1, 2, 3]), (3, [1], [1], [3]), (4, [0], [1], []),
            (0, [2, 2], [1, 2], [0, 2, 1, 3]), (0, [2], [3], [0, 3]), (1, [], [], [1]),
            (0, [2, 1, 2], [1, Int.max, 2], [0, 2, 1, 3]), (0, [3, 2, 0], [9, 9, 9], []),
            (0, [2, 2], [1, 1], [0, 1, 1, 2]),
        ]
        for (offset, sizes, strides, values) in valid {
            var pickle = PickleBytes()
            pickle.tensor(count: 4, offset: offset, sizes: sizes, strides: strides)
            try withFile(pickle.archive()) { path in
                let tensor = try TensorFile(contentsOf: path).tensor(named: "tensor")
                #expect(tensor == Tensor(values, shape: Shape(sizes)))
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func cyclesAndSharedObjectsTerminate() throws {
        let cycle = try pickleError { $0.op("]q\u{0}h\u{0}a") }
        #expect(cycle.contains("contains itself"))
        let dictionaryCycle = try pickleError {
            $0.op("}q\u{0}")
            $0.string("a")
            $0.op("h\u{0}s")
        }
        #expect(dictionaryCycle.contains("contains itself"))
        let wideCycle = try pickleError {
            $0.op("]q\u{0}(")
            for _ in 0..<1000 { $0.op("h\u{0}") }
            $0.op("e")
        }
        #expect(wideCycle.contains("damaged"))
        // A billion laughs: every tuple holds the one before ten times.
        let laughs = try pickleError {
            $0.tensor(count: 4, sizes: [4], strides: [1])
            for level: UInt8 in 0..<30 {
                $0.op(0x71, level, 0x28)
                for _ in 0..<10 { $0.op(0x68, level) }
                $0.op(0x74)
            }
        }
        #expect(laughs.contains("shares its parts so often"))
        // A long name that is referenced again and again.
        let names = try pickleError {
            $0.tensor(count: 4, sizes: [4], strides: [1])
            $0.op(0x71, 0)
            $0.string(String(repeating: "n", count: 900))
            $0.op(0x71, 1)
            $0.op("]")
            for _ in 0..<1000 { $0.op("}h\u{1}h\u{0}sa") }
        }
        #expect(names.contains("shares its parts so often"))
        let longName = try pickleError {
            $0.op("}")
            $0.string(String(repeating: "n", count: 2000))
            $0.tensor(count: 4, sizes: [4], strides: [1])
            $0.op("s")
        }
        #expect(longName.contains("is too long"))
    }

    @Test(.timeLimit(.minutes(1))) func deepNestingIsRejectedAndFreedWithoutRecursion() throws {
        let deep = try pickleError {
            $0.op(")")
            $0.bytes += [UInt8](repeating: 0x85, count: 1_000_000)
        }
        #expect(deep.contains("nested more than 64 deep"))
        let marks = try pickleError { $0.bytes += [UInt8](repeating: 0x28, count: 1_000_000) }
        #expect(marks.contains("empty stack"))
        let long = try pickleError { $0.bytes += [UInt8](repeating: 0x4e, count: 1 << 24) }
        #expect(long.contains("longer than"))
    }

    /// A million appends to one list: quadratic work would take hours.
    @Test(.timeLimit(.minutes(1))) func readingTimeIsLinear() throws {
        var pickle = PickleBytes()
        pickle.op("]")
        for _ in 0..<1_000_000 { pickle.op("Na") }
        for _ in 0..<1_000_000 { pickle.op("N") }
        for _ in 0..<1_000_000 { pickle.op("(t0") }
        for _ in 0..<1_000_000 { pickle.op("0") }
        #expect(try errorMessage(reading: pickle.archive()) == nil)
    }

    /// Nested tensors, invalid states, invalid types.
    @Test func rejectsInvalidTensorConstructions() throws {
        let pickles: [(String, (inout PickleBytes) -> Void)] = [
            (
                "a tensor with attributes, nested a hundred thousand deep",
                {
                    $0.op("N")
                    for _ in 0..<100_000 {
                        // Each tuple becomes the arguments of the next call.
                        $0.op(0x85, 0x71, 0, 0x30)
                        $0.global("torch._tensor", "_rebuild_from_type_v2")
                        $0.op("(")
                        $0.global("torch._tensor", "_rebuild_from_type_v2")
                        $0.op("Nh\u{0}NtR")
                    }
                }
            ),
            (
                "a tensor of an invalid type",
                {
                    $0.global("torch._utils", "_rebuild_tensor_v3")
                    $0.tuple([1, 2, 3, 4, 5, 6, 7])
                    $0.op("R")
                }
            ),
            (
                "a tensor filled with a number",
                {
                    $0.global("torch", "FloatTensor")
                    $0.op(")R")
                    $0.int(1)
                    $0.op("b")
                }
            ),
            (
                "a call of a dtype",
                {
                    $0.global("torch", "float8_e4m3fn")
                    $0.op(")R")
                }
            ),
        ]
        for (name, fill) in pickles {
            var pickle = PickleBytes()
            fill(&pickle)
            #expect(try errorMessage(reading: pickle.archive()) != nil, "\(name)")
        }
    }

    /// Offsets, sizes and strides that exceed an untyped storage of 16 bytes.
    @Test(
        arguments: [
            (0, [5], [1]), (4, [1], [1]), (-1, [1], [1]), (.max, [1], [1]), (1 << 61, [1], [1]),
            (0, [2], [4]), (0, [1 << 62], [1]), (0, [2], [1 << 62]),
        ] as [(Int, [Int], [Int])])
    func rejectsTypedViewsOutsideTheirStorage(offset: Int, sizes: [Int], strides: [Int]) throws {
        let message = try pickleError {
            $0.global("torch._utils", "_rebuild_tensor_v3")
            $0.op("((")
            $0.string("storage")
            $0.global("torch.storage", "UntypedStorage")
            $0.string("0")
            $0.string("cpu")
            $0.int(16)
            $0.op("tQ")
            $0.int(offset)
            $0.tuple(sizes)
            $0.tuple(strides)
            $0.op(0x89, 0x4e)
            $0.global("torch", "float32")
            $0.op("tR")
        }
        #expect(message.contains("damaged"))
    }

    /// Making a dictionary from the same long list a million times must not copy the list.
    @Test(.timeLimit(.minutes(1))) func dictionariesShareTheirList() throws {
        var pickle = PickleBytes()
        pickle.op("](")
        for _ in 0..<1_000_000 { pickle.op("N") }
        pickle.op(0x65, 0x85, 0x71, 0)
        pickle.global("collections", "OrderedDict")
        pickle.op(0x71, 1)
        for _ in 0..<1_000_000 { pickle.op("h\u{1}h\u{0}R0") }
        #expect(try errorMessage(reading: pickle.archive()) == nil)
    }
}
