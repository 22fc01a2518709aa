import Platform
import Testing

/// File names are bytes, which conversion to a `String` and back preserves.
@Suite struct FileNameTests {
    @Test(
        arguments: [
            [], Array("cat.jpg".utf8), Array("é/日本/🐈.png".utf8),
            // Latin-1, Shift JIS, and UTF-8 that is truncated or begins with a continuation byte.
            [0x63, 0x61, 0x66, 0xE9, 0x2E, 0x70, 0x6E, 0x67], [0x83, 0x65, 0x83, 0x58, 0x83, 0x67],
            [0xE3, 0x81], [0x81, 0x82, 0x61], [0xF0, 0x9F, 0x90], [0xC0, 0xAF], [0xED, 0xA0, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xFF, 0xFE],
            // Names with the characters that stand for single bytes.
            Array("a\u{EF80}b\u{EFFF}".utf8), Array("\u{EFE9}".utf8) + [0xE9],
            // A combining mark after a slash.
            Array("a/\u{301}b".utf8),
        ] as [[UInt8]])
    func bytesSurviveConversion(_ bytes: [UInt8]) {
        #expect(String(fileName: bytes).fileNameBytes == bytes)
    }

    /// Every pair of bytes, and random bytes.
    @Test func allPairsAndRandomBytesSurviveConversion() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let bytes = [first, second]
                #expect(String(fileName: bytes).fileNameBytes == bytes)
            }
        }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let bytes = (0..<12).map { _ in UInt8.random(in: 0x70...0xFF, using: &generator) }
            #expect(String(fileName: bytes).fileNameBytes == bytes, "\(bytes)")
        }
    }

    @Test func validUTF8IsUnchanged() {
        for text in ["", "cat.jpg", "é", "e\u{301}", "日本", "🐈‍⬛"] {
            #expect(
                String(fileName: Array(text.utf8)).unicodeScalars.elementsEqual(text.unicodeScalars)
            )
        }
    }

    @Test func printableEscapesInvalidBytesAndControls() {
        #expect(printable(String(fileName: [0x63, 0xE9, 0x2E])) == "c\\xE9.")
        #expect(
            printable("a\nb\u{1B}[2Jc\u{202E}d\u{2028}e\u{7F}")
                == "a\\u{A}b\\u{1B}[2Jc\\u{202E}d\\u{2028}e\\u{7F}")
        #expect(printable("é 日本 🐈‍⬛") == "é 日本 🐈‍⬛")
    }

    @Test func longListsAreShortened() {
        let names = (0..<3000).map { "\($0)" }
        #expect(shortened(names, separator: ", ") == "0, 1, 2, 3, 4, and 2995 more")
        #expect(shortened(Array(names.prefix(6)), separator: ", ") == "0, 1, 2, 3, 4, 5")
        #expect(shortened(["a"], separator: ", ") == "a")
    }

    @Test(arguments: [
        ("a.png", ".", "a.png", "a", "png"), ("x/a.b.JPG", "x", "a.b.JPG", "a.b", "jpg"),
        ("/a", "/", "a", "a", ""), ("x/y/", "x", "y", "y", ""), ("/", "/", "/", "/", ""),
        ("x/.hidden", "x", ".hidden", ".hidden", ""), ("a//b.png", "a", "b.png", "b", "png"),
        ("x/\u{301}y.png", "x", "\u{301}y.png", "\u{301}y", "png"),
    ])
    func splitsPaths(_ path: String, folder: String, name: String, stem: String, type: String) {
        #expect(Path.folder(of: path) == folder)
        #expect(Path.name(of: path) == name)
        #expect(Path.stem(of: path) == stem)
        #expect(Path.type(of: path) == type)
    }
}
