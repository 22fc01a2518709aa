import Tensors

// All random choices come from one generator, so that a seed and a number reproduce an input.
extension Xoshiro256 {
    /// A uniform integer from 0 to `bound` - 1; 0 if the bound is not positive.
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &self) }

    /// True with the probability 1 / `count`.
    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

    mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }

    /// A position in a sequence: usually uniform, often near one of its ends, where lengths and magic numbers are.
    mutating func position(in count: Int) -> Int {
        switch below(8) {
        case 0: below(min(count, 64))
        case 1: max(0, count - 1 - below(min(count, 64)))
        default: below(count)
        }
    }

    /// A number of elements from 1 to `maximum`, usually small.
    mutating func length(upTo maximum: Int) -> Int {
        1 + below(min(max(1, maximum), 1 << below(14)))
    }
}

/// Values that often break programs.
enum Interesting {
    /// Zero, one, negative numbers, and the limits of integers of one to eight bytes.
    static let integers: [Int] =
        [0, 1, -1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 63, 64, 100, 127, 128, 129, 255, 256, 257]
        + [1000, 1024, 4095, 4096, 32767, 32768, 65535, 65536, 65537, 1 << 20, 1 << 24, 1 << 28]
        + [1 << 30, 1 << 31 - 1, 1 << 31, 1 << 31 + 1, -(1 << 31), 1 << 32 - 1, 1 << 32]
        + [
            1 << 32 + 1, 1 << 40, 1 << 48, 1 << 53, 1 << 61, 1 << 62, .max, .max - 1, .min,
            .min + 1,
        ]

    /// Floats: not finite, signed zero, huge, tiny and subnormal.
    static let floats: [Float] = [
        .nan, .infinity, -.infinity, 0, -0.0, 1, -1, 0.5, 1e30, -1e30, 3.4e38, 1e19, 1e-30,
        .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude, 1e-7, 65504, 1e5,
        16_777_216, -2, 255, 256,
    ]

    /// Numbers in JSON, and tokens that are not numbers.
    static let numbers: [String] =
        integers.map { "\($0)" }
        + words("18446744073709551615 9223372036854775808 -9223372036854775809 1e309 -1e309 1e30")
        + words("-1e30 1e-30 1e-45 1e-400 -0 0.0 0.5 -0.5 0.01 0.001 0.99 1.01 1.5 1e5 1e18 1e19")
        + words("2e0 NaN Infinity null true \"1\" 01 1. [] {} [1] 1e 3.0 1E2")

    /// Texts with a meaning to a terminal, a file system or a parser, escaped for JSON.
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
