import CImages

/// The orientation of the camera: the value of EXIF tag 0x0112 (CIPA DC-008, table 6).
///
/// The names give the side where the first stored row, then the first stored column, belongs.
enum Orientation: Int {
    case topLeft = 1
    case topRight, bottomRight, bottomLeft, leftTop, rightTop, rightBottom, leftBottom

    /// The orientation in the EXIF data of a JPEG (its first such segment) or a PNG (its eXIf chunk); `.topLeft` if
    /// there is none or it is invalid.
    init(_ header: CImageHeader) {
        var exif = UnsafeBufferPointer(start: header.exif, count: header.exif_count)[...]
        // JPEG's prefix "Exif\0\0", which some programs write into PNG too.
        while exif.starts(with: [0x45, 0x78, 0x69, 0x66, 0, 0]) { exif = exif.dropFirst(6) }
        self = Orientation(exif: exif) ?? .topLeft
    }

    /// Finds the orientation in the first directory of TIFF data; nil if there is none.
    ///
    /// - Parameter tiff: the data after "Exif\0\0" in a JPEG.
    init?(exif tiff: Slice<UnsafeBufferPointer<UInt8>>) {
        let tiff = UnsafeBufferPointer(rebasing: tiff)
        let little: Bool
        switch (tiff.first, tiff.dropFirst().first) {
        case (0x49, 0x49): little = true
        case (0x4D, 0x4D): little = false
        default: return nil
        }
        func number(at offset: Int, count: Int) -> Int? {
            guard offset >= 0, offset <= tiff.count - count else { return nil }
            return (0..<count).reduce(0) { value, index in
                value << 8 | Int(tiff[offset + (little ? count - 1 - index : index)])
            }
        }
        guard number(at: 2, count: 2) == 42, let directory = number(at: 4, count: 4),
            let entries = number(at: directory, count: 2)
        else { return nil }
        for entry in 0..<entries {
            let at = directory + 2 + entry * 12
            guard let tag = number(at: at, count: 2) else { return nil }
            guard tag == 0x0112 else { continue }
            let size: Int
            switch number(at: at + 2, count: 2) {
            case 3: size = 2  // SHORT, as in the standard
            case 4: size = 4  // LONG, as some programs write it
            default: return nil
            }
            guard let value = number(at: at + 8, count: size) else { return nil }
            self.init(rawValue: value)
            return
        }
        return nil
    }

    /// Whether stored rows are displayed as columns.
    var swapsAxes: Bool { rawValue >= Orientation.leftTop.rawValue }

    /// Whether stored rows are displayed in reverse.
    var mirrorsRows: Bool {
        [.topRight, .bottomRight, .rightBottom, .leftBottom].contains(self)
    }

    /// Whether the last stored row is displayed first.
    var mirrorsColumns: Bool {
        [.bottomRight, .bottomLeft, .rightTop, .rightBottom].contains(self)
    }
}

extension Image {
    /// The picture turned and mirrored from its stored to its displayed orientation.
    ///
    /// - Complexity: O(pixels); O(1) for `.topLeft`.
    func upright(from orientation: Orientation) -> Image {
        if orientation == .topLeft { return self }
        let right = orientation.mirrorsRows ? -3 : 3
        let down = (orientation.mirrorsColumns ? -3 : 3) * width
        let start =
            (orientation.mirrorsRows ? (width - 1) * 3 : 0)
            + (orientation.mirrorsColumns ? (height - 1) * width * 3 : 0)
        let (columnStep, rowStep) = orientation.swapsAxes ? (down, right) : (right, down)
        let (columns, rows) = orientation.swapsAxes ? (height, width) : (width, height)
        // In tiles, so that the cache lines that a turned row crosses stay in the cache.
        let tile = 64
        return Image(width: columns, height: rows) { samples in
            pixels.withUnsafeBufferPointer { stored in
                for top in stride(from: 0, to: rows, by: tile) {
                    for left in stride(from: 0, to: columns, by: tile) {
                        for row in top..<min(top + tile, rows) {
                            var from = start + row * rowStep + left * columnStep
                            var to = (row * columns + left) * 3
                            for _ in left..<min(left + tile, columns) {
                                samples[to] = stored[from]
                                samples[to + 1] = stored[from + 1]
                                samples[to + 2] = stored[from + 2]
                                from += columnStep
                                to += 3
                            }
                        }
                    }
                }
            }
        }
    }
}
