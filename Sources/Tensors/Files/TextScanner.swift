/// Parses the short texts in the headers of tensor files, JSON and Python dictionary literals: strictly the subset that
/// both share.
struct TextScanner {
    private let bytes: [UInt8]
    private var position = 0
    private let file: RandomAccessFile
    private let what: String

    init(_ bytes: [UInt8], file: RandomAccessFile, what: String) {
        self.bytes = bytes
        self.file = file
        self.what = what
    }

    /// Whether only white space is left.
    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return position == bytes.count
        }
    }

    /// The error for text at the current position that does not fit the format.
    func unexpected() -> TensorFileError {
        file.damaged("its \(what) is not understood at byte \(position) of \(bytes.count)")
    }

    /// Consumes a token if it comes next; returns whether it did.
    mutating func take(_ token: StaticString) -> Bool {
        skipSpace()
        let length = token.utf8CodeUnitCount
        guard length <= bytes.count - position else { return false }
        for i in 0..<length where bytes[position + i] != token.utf8Start[i] { return false }
        position += length
        return true
    }

    mutating func expect(_ token: StaticString) throws(TensorFileError) {
        guard take(token) else { throw unexpected() }
    }

    /// Parses a number without sign, fraction or exponent.
    mutating func integer() throws(TensorFileError) -> Int {
        skipSpace()
        var value = 0
        let start = position
        while position < bytes.count, case let digit = bytes[position] &- 48, digit < 10 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit))
            guard !overflow, !carry else { throw unexpected() }
            value = sum
            position += 1
        }
        guard position > start else { throw unexpected() }
        return value
    }

    /// Skips any JSON value, nested at most 32 deep.
    mutating func skipValue(depth: Int = 0) throws(TensorFileError) {
        guard depth < 32 else { throw unexpected() }
        if take("{") {
            if take("}") { return }
            repeat {
                _ = try string()
                try expect(":")
                try skipValue(depth: depth + 1)
            } while take(",")
            try expect("}")
        } else if take("[") {
            if take("]") { return }
            repeat { try skipValue(depth: depth + 1) } while take(",")
            try expect("]")
        } else if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
            _ = try string()
        } else if !take("true") && !take("false") && !take("null") {
            let start = position
            while position < bytes.count, isOfNumber(bytes[position]) { position += 1 }
            guard position > start else { throw unexpected() }
        }
    }

    private func isOfNumber(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.eE".utf8.contains(byte)
    }

    /// Parses a string in double or single quotes, with the escapes of JSON.
    mutating func string() throws(TensorFileError) -> String {
        skipSpace()
        guard position < bytes.count else { throw unexpected() }
        let quote = bytes[position]
        guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { throw unexpected() }
        position += 1
        var text: [UInt8] = []
        while true {
            guard position < bytes.count, bytes[position] >= 32 else { throw unexpected() }
            let next = bytes[position]
            position += 1
            if next == quote { break }
            if next == UInt8(ascii: "\\") {
                text.append(contentsOf: String(try escape()).utf8)
            } else {
                text.append(next)
            }
        }
        guard let string = String(validating: text, as: UTF8.self) else { throw unexpected() }
        return string
    }

    private mutating func escape() throws(TensorFileError) -> Character {
        guard position < bytes.count else { throw unexpected() }
        let letter = bytes[position]
        position += 1
        switch letter {
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "u"):
            var unit = try hexadecimal()
            if 0xd800..<0xdc00 ~= unit {
                try expect("\\u")
                let low = try hexadecimal()
                guard 0xdc00..<0xe000 ~= low else { throw unexpected() }
                unit = 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw unexpected() }
            return Character(scalar)
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            return Character(Unicode.Scalar(letter))
        default: throw unexpected()
        }
    }

    private mutating func hexadecimal() throws(TensorFileError) -> UInt32 {
        guard bytes.count - position >= 4 else { throw unexpected() }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw unexpected()
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func skipSpace() {
        while position < bytes.count, [32, 9, 10, 13].contains(bytes[position]) { position += 1 }
    }
}
