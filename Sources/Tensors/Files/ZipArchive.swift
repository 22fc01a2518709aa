/// The directory of a zip archive with uncompressed entries, as PyTorch writes it: PKWARE's APPNOTE.TXT 4.3, with the
/// 64-bit records of 4.5.3.
struct ZipArchive {
    struct Entry {
        /// The position of the entry's bytes in the file.
        var offset: Int
        var count: Int
        var isStored: Bool
    }

    private(set) var entries: [String: Entry] = [:]
    private let file: RandomAccessFile

    init(_ file: RandomAccessFile) throws(TensorFileError) {
        self.file = file
        let directory = try ZipArchive.locateDirectory(file)
        let bytes = try file.bytes(at: directory.offset, count: directory.count)
        var occupied: [(start: Int, end: Int)] = []
        var position = 0
        for _ in 0..<directory.entries {
            guard bytes.count - position >= 46,
                bytes.littleEndian(UInt32.self, at: position) == 0x0201_4b50
            else {
                throw file.damaged("its zip directory breaks off after \(entries.count) entries")
            }
            let nameCount = Int(bytes.littleEndian(UInt16.self, at: position + 28))
            let extraCount = Int(bytes.littleEndian(UInt16.self, at: position + 30))
            let commentCount = Int(bytes.littleEndian(UInt16.self, at: position + 32))
            let fixed = bytes[position..<(position + 46)]
            guard bytes.count - position - 46 >= nameCount + extraCount + commentCount else {
                throw file.damaged("its zip directory breaks off after \(entries.count) entries")
            }
            let nameEnd = position + 46 + nameCount
            let name = String(decoding: bytes[(position + 46)..<nameEnd], as: UTF8.self)
            let extra = bytes[nameEnd..<(nameEnd + extraCount)]
            position = nameEnd + extraCount + commentCount
            let (entry, start) = try entry(named: name, fixed: fixed, extra: extra)
            guard entries.updateValue(entry, forKey: name) == nil else {
                throw file.damaged("its zip directory lists \(shown(name)) twice")
            }
            occupied.append((start, entry.offset + entry.count))
        }
        occupied.sort { $0.start < $1.start }
        for (previous, next) in zip(occupied, occupied.dropFirst()) where previous.end > next.start
        {
            throw file.damaged("zip entries overlap at byte \(next.start)")
        }
    }

    /// The entry of a name; nil if there is none.
    ///
    /// - Throws: if the entry is compressed.
    func storedEntry(_ name: String) throws(TensorFileError) -> Entry? {
        guard let entry = entries[name] else { return nil }
        guard entry.isStored else {
            throw file.unsupported(
                "its entry \(shown(name)) is compressed; expected stored entries, as torch.save"
                    + " writes them")
        }
        return entry
    }

    private func entry(
        named name: String, fixed: ArraySlice<UInt8>, extra: ArraySlice<UInt8>
    ) throws(TensorFileError) -> (Entry, start: Int) {
        let flags = fixed.littleEndian(UInt16.self, at: 8)
        let method = fixed.littleEndian(UInt16.self, at: 10)
        let sizes = try wideSizes(
            full: UInt64(fixed.littleEndian(UInt32.self, at: 24)),
            packed: UInt64(fixed.littleEndian(UInt32.self, at: 20)),
            start: UInt64(fixed.littleEndian(UInt32.self, at: 42)), extra: extra, name: name)
        guard let start = Int(exactly: sizes.start), let count = Int(exactly: sizes.packed),
            file.contains(offset: start, count: 30)
        else { throw outside(name) }
        // The entry's own header repeats the name; its extra field may differ in length.
        let local = try file.bytes(at: start, count: 30)
        guard local.littleEndian(UInt32.self, at: 0) == 0x0403_4b50 else {
            throw file.damaged(
                "no zip entry starts at byte \(start), where \(shown(name)) should")
        }
        let offset =
            start + 30 + Int(local.littleEndian(UInt16.self, at: 26))
            + Int(local.littleEndian(UInt16.self, at: 28))
        guard file.contains(offset: offset, count: count) else { throw outside(name) }
        let isStored = method == 0 && flags & 1 == 0
        guard !isStored || sizes.full == sizes.packed else {
            throw file.damaged(
                "its stored entry \(shown(name)) has \(sizes.packed) bytes for \(sizes.full)")
        }
        return (Entry(offset: offset, count: count, isStored: isStored), start)
    }

    private func outside(_ name: String) -> TensorFileError {
        file.damaged(
            "its zip entry \(shown(name)) leads outside the file of \(file.size) bytes")
    }

    /// Replaces 32-bit fields that are all ones by those of the 64-bit extra record.
    private func wideSizes(
        full: UInt64, packed: UInt64, start: UInt64, extra: ArraySlice<UInt8>, name: String
    ) throws(TensorFileError) -> (full: UInt64, packed: UInt64, start: UInt64) {
        var values = [full, packed, start]
        guard values.contains(0xffff_ffff) else { return (full, packed, start) }
        var position = 0
        while extra.count - position >= 4 {
            let id = extra.littleEndian(UInt16.self, at: position)
            let count = Int(extra.littleEndian(UInt16.self, at: position + 2))
            position += 4
            guard count <= extra.count - position else { break }
            if id == 1 {
                var field = 0
                for i in values.indices where values[i] == 0xffff_ffff && field + 8 <= count {
                    values[i] = extra.littleEndian(UInt64.self, at: position + field)
                    field += 8
                }
                return (values[0], values[1], values[2])
            }
            position += count
        }
        throw file.damaged("its zip entry \(shown(name)) lacks its 64-bit record")
    }

    /// Finds the directory through the record at the end of the file, which a comment may follow.
    private static func locateDirectory(
        _ file: RandomAccessFile
    ) throws(TensorFileError) -> (offset: Int, count: Int, entries: Int) {
        let tailStart = max(0, file.size - 22 - 0xffff)
        let tail = try file.bytes(at: tailStart, count: file.size - tailStart)
        var end: Int?
        for position in stride(from: tail.count - 22, through: 0, by: -1)
        where tail[position] == 0x50 && tail.littleEndian(UInt32.self, at: position) == 0x0605_4b50
            && Int(tail.littleEndian(UInt16.self, at: position + 20)) == tail.count - position - 22
        {
            end = position
            break
        }
        guard let end else {
            throw file.damaged("it starts as a zip archive but lacks the directory at its end")
        }
        var entries = UInt64(tail.littleEndian(UInt16.self, at: end + 10))
        var count = UInt64(tail.littleEndian(UInt32.self, at: end + 12))
        var offset = UInt64(tail.littleEndian(UInt32.self, at: end + 16))
        var directoryEnd = tailStart + end
        if end >= 20, tail.littleEndian(UInt32.self, at: end - 20) == 0x0706_4b50 {
            let claimed = tail.littleEndian(UInt64.self, at: end - 12)
            guard let start = Int(exactly: claimed), start <= directoryEnd - 20 else {
                throw file.damaged("its end places the 64-bit zip record at byte \(claimed)")
            }
            let record = try file.bytes(at: start, count: 56)
            guard record.littleEndian(UInt32.self, at: 0) == 0x0606_4b50 else {
                throw file.damaged("no 64-bit zip record is at byte \(start)")
            }
            entries = record.littleEndian(at: 32)
            count = record.littleEndian(at: 40)
            offset = record.littleEndian(at: 48)
            directoryEnd = start
        }
        guard let offset = Int(exactly: offset), let count = Int(exactly: count),
            let entries = Int(exactly: entries), offset <= directoryEnd,
            count <= directoryEnd - offset, entries <= count / 46
        else {
            throw file.damaged(
                "its zip directory claims \(entries) entries in \(count) bytes at byte \(offset)"
                    + " of \(file.size)")
        }
        return (offset, count, entries)
    }
}
