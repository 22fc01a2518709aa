import Tensors

// Choices, all from one generator: a seed and a number give the same input again.
extension Xoshiro256 {
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &self) }

    /// True once in so many times.
    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

    mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }

    /// A place for something in a sequence: mostly anywhere, often at its ends, where lengths and
    /// magic numbers stand.
    mutating func place(in count: Int) -> Int {
        switch below(8) {
        case 0: below(min(count, 64))
        case 1: max(0, count - 1 - below(min(count, 64)))
        default: below(count)
        }
    }

    /// How many of something: mostly few.
    mutating func length(most: Int) -> Int { 1 + below(min(max(1, most), 1 << below(14))) }
}

/// The numbers at which programs break: those at the limits of integers, of one byte to eight, and
/// those that are nothing, one, or negative.
enum Interesting {
    static let integers: [Int] =
        [0, 1, -1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 63, 64, 100, 127, 128, 129, 255, 256, 257]
        + [1000, 1024, 4095, 4096, 32767, 32768, 65535, 65536, 65537, 1 << 20, 1 << 24, 1 << 28]
        + [1 << 30, 1 << 31 - 1, 1 << 31, 1 << 31 + 1, -(1 << 31), 1 << 32 - 1, 1 << 32]
        + [
            1 << 32 + 1, 1 << 40, 1 << 48, 1 << 53, 1 << 61, 1 << 62, .max, .max - 1, .min,
            .min + 1,
        ]

    /// Values of a float: not finite, zero with a sign, huge, tiny, subnormal.
    static let floats: [Float] = [
        .nan, .infinity, -.infinity, 0, -0.0, 1, -1, 0.5, 1e30, -1e30, 3.4e38, 1e19, 1e-30,
        .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude, 1e-7, 65504, 1e5,
        16_777_216, -2, 255, 256,
    ]

    /// The same in JSON, and what is no number there.
    static let numbers: [String] =
        integers.map { "\($0)" }
        + words("18446744073709551615 9223372036854775808 -9223372036854775809 1e309 -1e309 1e30")
        + words("-1e30 1e-30 1e-45 1e-400 -0 0.0 0.5 -0.5 0.01 0.001 0.99 1.01 1.5 1e5 1e18 1e19")
        + words("2e0 NaN Infinity null true \"1\" 01 1. [] {} [1] 1e 3.0 1E2")

    /// Texts that mean something to a terminal, a file system or a parser, as JSON has them.
    static let texts: [String] =
        words(".. . / ../../etc/passwd /dev/zero a/b a 0 -1 null %s%n {} nan Infinity")
        + words("\\u0000 \\u001b[31m \\n a\\nb \\u202e \\u2028 \\ud800 \\ud83d\\ude00 \\\" \\\\")
        + words("F32 F16 BF16 F64 I64 U8 F8_E4M3 half whole key query token none sgd lars adamw")
        + ["", " ", "\u{7F}", "\u{85}", "\u{202E}", "\u{FEFF}", "é", "e\u{301}"]
        + [String(repeating: "x", count: 300), String(repeating: "long ", count: 4000)]

    private static func words(_ text: String) -> [String] {
        text.split(separator: " ").map(String.init)
    }
}
