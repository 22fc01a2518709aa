import Tensors

/// A JSON text, split into tokens: changing whole values keeps it valid, or almost.
struct JSONText {
    typealias Token = [UInt8]

    private var tokens: [Token] = []

    /// Nil if the text is empty or has an unterminated string.
    init?(_ text: [UInt8]) {
        var at = 0
        while at < text.count {
            let start = at
            at += 1
            switch text[start] {
            case UInt8(ascii: "\""):
                while at < text.count, text[at] != UInt8(ascii: "\"") {
                    at += text[at] == UInt8(ascii: "\\") ? 2 : 1
                }
                guard at < text.count else { return nil }
                at += 1
            case let byte where Self.isWord(byte):
                while at < text.count, Self.isWord(text[at]) { at += 1 }
            case let byte where byte <= 32: continue
            default: break
            }
            tokens.append(Array(text[start..<at]))
        }
        if tokens.isEmpty { return nil }
    }

    var bytes: [UInt8] { Array(tokens.joined()) }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: true
        default: false
        }
    }

    private func isString(_ index: Int) -> Bool { tokens[index].first == UInt8(ascii: "\"") }
    private func isKey(_ index: Int) -> Bool {
        isString(index) && index + 1 < tokens.count && tokens[index + 1] == [UInt8(ascii: ":")]
    }
    private func isValue(_ index: Int) -> Bool {
        tokens[index].first.map(Self.isWord) ?? false
    }

    /// A changed text; nil if the bytes are not one.
    static func mutated(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        guard var text = JSONText(bytes) else { return nil }
        text.mutate(using: &random)
        return text.bytes
    }

    /// Changes a value, a key or the structure.
    mutating func mutate(using random: inout Xoshiro256) {
        let strings = tokens.indices.filter { isString($0) && !isKey($0) }
        let keys = tokens.indices.filter { isKey($0) }
        let values = tokens.indices.filter { isValue($0) }
        // Strings that contain JSON hold the options of a program.
        let nested = strings.filter { tokens[$0].starts(with: Array("\"{".utf8)) }
        if !nested.isEmpty, !random.oneIn(3) {
            let index = random.pick(nested)
            if var inner = JSONText(Self.unescaped(tokens[index])) {
                inner.mutate(using: &random)
                tokens[index] = Self.quoted(inner.bytes)
                return
            }
        }
        switch random.below(12) {
        case 0, 1, 2, 3, 4:
            if !values.isEmpty { mutateValue(random.pick(values), using: &random) }
        case 5, 6: if !strings.isEmpty { mutateString(random.pick(strings), using: &random) }
        case 7: if !keys.isEmpty { mutateString(random.pick(keys), using: &random) }
        case 8:
            let kind = random.pick([strings, keys, values].filter { !$0.isEmpty } + [[0]])
            tokens.swapAt(random.pick(kind), random.pick(kind))
        case 9:
            let range = element(at: random.below(tokens.count))
            if random.oneIn(2) {
                tokens.removeSubrange(range)
            } else {
                let copy = tokens[range] + [[UInt8(ascii: ",")]]
                tokens.insert(contentsOf: copy, at: range.lowerBound)
            }
        case 10:
            let range = element(at: random.below(tokens.count))
            let depth = random.pick([1, 10, 500, 600, 100_000])
            let text = random.pick([
                "null", "[]", "{}", "0", "\"\"", String(repeating: "[", count: depth),
                String(repeating: "[", count: depth) + String(repeating: "]", count: depth),
                String(repeating: "{\"a\":", count: depth),
            ])
            tokens.replaceSubrange(range, with: [Array(text.utf8)])
        default: tokens.remove(at: random.below(tokens.count))
        }
        if tokens.isEmpty { tokens = [Array("{}".utf8)] }
    }

    private mutating func mutateValue(_ index: Int, using random: inout Xoshiro256) {
        let text = String(decoding: tokens[index], as: UTF8.self)
        var replacement = random.pick(Interesting.numbers)
        if let number = Int(text), random.oneIn(2) {
            let near = [
                number &+ 1, number &- 1, number &* 2, number / 2, 0 &- number, random.below(100),
                number &* 1000,
            ]
            replacement = "\(random.pick(near))"
        } else if let number = Double(text), random.oneIn(2) {
            let near = [number * 2, number / 2, -number, number + 1, 1 - number]
            replacement = "\(random.pick(near))"
        } else if text == "true" || text == "false", random.oneIn(2) {
            replacement = text == "true" ? "false" : "true"
        }
        tokens[index] = Array(replacement.utf8)
    }

    private mutating func mutateString(_ index: Int, using random: inout Xoshiro256) {
        switch random.below(4) {
        case 0:
            var inner = Array(tokens[index].dropFirst().dropLast())
            inner.mutate(others: [[32]], using: &random)
            tokens[index] = [UInt8(ascii: "\"")] + inner + [UInt8(ascii: "\"")]
        case 1:
            let others = tokens.indices.filter { isString($0) }
            tokens[index] = tokens[random.pick(others)]
        case 2: tokens[index] = Self.quoted(Array(random.pick(Interesting.numbers).utf8))
        default: tokens[index] = Array("\"\(random.pick(Interesting.texts))\"".utf8)
        }
    }

    /// The tokens of the value that begins at an index, or of a key with its value.
    private func element(at start: Int) -> Range<Int> {
        var end = isKey(start) ? min(start + 2, tokens.count - 1) : start
        var depth = 0
        while end < tokens.count {
            switch tokens[end].first {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            end += 1
            if depth <= 0 { break }
        }
        return start..<end
    }

    private static func unescaped(_ token: Token) -> [UInt8] {
        var text: [UInt8] = []
        var isEscaped = false
        for byte in token.dropFirst().dropLast() {
            if byte == UInt8(ascii: "\\") && !isEscaped {
                isEscaped = true
            } else {
                text.append(byte)
                isEscaped = false
            }
        }
        return text
    }

    private static func quoted(_ text: [UInt8]) -> Token {
        let inner = text.flatMap { byte in
            byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
                ? [UInt8(ascii: "\\"), byte] : [byte]
        }
        return [UInt8(ascii: "\"")] + inner + [UInt8(ascii: "\"")]
    }
}
