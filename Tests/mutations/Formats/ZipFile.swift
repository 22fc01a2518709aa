/// A ZIP archive, split into entries, which are written without compression.
struct ZipFile {
    struct Entry {
        var name: [UInt8]
        var data: [UInt8]
        var method = 0
    }

    var entries: [Entry] = []

    /// Nil if the bytes do not end with a directory.
    init?(_ bytes: [UInt8]) {
        guard bytes.starts(with: [0x50, 0x4B, 3, 4]), bytes.count > 22,
            let end = (0...bytes.count - 22).last(where: {
                bytes.integer(at: $0, size: 4, isBigEndian: false) == 0x0605_4B50
            })
        else { return nil }
        func field(_ at: Int, _ size: Int) -> Int {
            bytes.integer(at: at, size: size, isBigEndian: false)
        }
        var at = field(end + 16, 4)
        while field(at, 4) == 0x0201_4B50 {
            let start = field(at + 42, 4)
            let from = start + 30 + field(start + 26, 2) + field(start + 28, 2)
            let (count, nameEnd) = (field(at + 20, 4), at + 46 + field(at + 28, 2))
            guard nameEnd <= bytes.count, from <= bytes.count, count <= bytes.count - from else {
                return nil
            }
            entries.append(
                Entry(
                    name: Array(bytes[at + 46..<nameEnd]), data: Array(bytes[from..<from + count]),
                    method: field(at + 10, 2)))
            at = nameEnd + field(at + 30, 2) + field(at + 32, 2)
        }
        if entries.isEmpty { return nil }
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        var directory: [UInt8] = []
        func number(_ value: Int, _ size: Int) -> [UInt8] {
            integerBytes(value, size: size, isBigEndian: false)
        }
        for entry in entries {
            let sizes =
                number(CRC32.of(entry.data), 4) + number(entry.data.count, 4)
                + number(entry.data.count, 4)
            let common =
                number(entry.method, 2) + [0, 0, 0, 0] + sizes
                + number(entry.name.count, 2) + [0, 0]
            directory += [0x50, 0x4B, 1, 2, 0, 0, 0, 0, 0, 0] + common
            directory += [UInt8](repeating: 0, count: 10) + number(bytes.count, 4) + entry.name
            bytes += [0x50, 0x4B, 3, 4, 0, 0, 0, 0] + common + entry.name + entry.data
        }
        let count = number(entries.count, 2)
        return bytes + directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + count + count
            + number(directory.count, 4) + number(bytes.count, 4) + [0, 0]
    }
}
