import Tensors

/// A JPEG file, split into the segments before its first scan and the rest.
struct JPEGFile {
    /// The marker of each segment and the data after its length.
    var segments: [(marker: UInt8, data: [UInt8])] = []
    /// Everything from the first scan on.
    var rest: [UInt8] = []

    /// Nil if the bytes do not begin like a JPEG file.
    init?(_ bytes: [UInt8]) {
        guard bytes.starts(with: [0xFF, 0xD8]) else { return nil }
        var at = 2
        while at + 4 <= bytes.count, bytes[at] == 0xFF, bytes[at + 1] != 0xDA {
            let length = bytes.integer(at: at + 2, size: 2, isBigEndian: true)
            guard length >= 2, at + 2 + length <= bytes.count else { return nil }
            segments.append((bytes[at + 1], Array(bytes[at + 4..<at + 2 + length])))
            at += 2 + length
        }
        if segments.isEmpty { return nil }
        rest = Array(bytes[at...])
    }

    var bytes: [UInt8] {
        segments.reduce(into: [0xFF, 0xD8]) { bytes, segment in
            bytes += [0xFF, segment.marker]
            bytes += integerBytes(segment.data.count + 2, size: 2, isBigEndian: true)
            bytes += segment.data
        } + rest
    }

    /// Changes segments and keeps their lengths correct.
    mutating func mutate(others: [[UInt8]], using random: inout Xoshiro256) {
        let at = random.below(segments.count)
        switch random.below(8) {
        case 0, 1:
            guard let frame = segments.firstIndex(where: { 0xC0...0xC2 ~= $0.marker }),
                segments[frame].data.count > 5
            else { return }
            if random.oneIn(2) {
                segments[frame].data.put(
                    random.pick(Interesting.integers), at: random.pick([1, 3]), size: 2,
                    isBigEndian: true)
            } else {
                let index = random.position(in: segments[frame].data.count)
                segments[frame].data[index] = random.pick([0, 1, 2, 3, 4, 8, 12, 0x11, 0x21, 0x44])
            }
        case 2: segments.insert(segments[at], at: random.below(segments.count + 1))
        case 3:
            let moved = segments.remove(at: at)
            if random.oneIn(2) { segments.insert(moved, at: random.below(segments.count + 1)) }
        case 4:
            if let other = JPEGFile(random.pick(others)) {
                segments.insert(random.pick(other.segments), at: at)
            }
        case 5:
            var exif = Exif.orientation(UInt8(random.below(10)))
            if random.oneIn(2) { exif.mutate(others: [[0]], using: &random) }
            segments.insert((0xE1, Array("Exif".utf8) + [0, 0] + exif), at: at)
        case 6: segments[at].marker = UInt8(0xC0 + random.below(64))
        default: segments[at].data.mutate(others: [[0], [255]], using: &random)
        }
        // A length of two bytes cannot express more.
        for index in segments.indices {
            segments[index].data = Array(segments[index].data.prefix(65533))
        }
    }
}
