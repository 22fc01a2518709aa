import Descriptors
import Images

/// How the labels of a mask file stand in its colours, so that others can be read and written alike.
struct LabelFile {
    /// The colour of each label; nil where labels are gray levels.
    private let palette: [Colour]?

    /// Reads a mask. Of gray ones the levels are the labels (0 and 255 of DAVIS 2016, or 0, 1, 2…);
    /// of coloured ones the numbers that the colours have in DAVIS's palette; of others again their
    /// order, black being 0.
    ///
    /// - Throws: `PictureFailure` where the file is no picture or has more than 256 colours.
    static func read(_ path: String) throws(PictureFailure) -> (file: LabelFile, labels: LabelMap) {
        let image = try picture(path)
        var colours: Set<Colour> = [.black]
        for y in 0..<image.height {
            for x in 0..<image.width { colours.insert(image[x, y]) }
            guard colours.count <= 256 else {
                throw PictureFailure("\(path) has more than 256 colours; expected one an object")
            }
        }
        let isGray = colours.allSatisfy { $0.red == $0.green && $0.green == $0.blue }
        let davis = (0...255).map(davisColour)
        let isDAVIS = colours.isSubset(of: davis)
        // Sorted, so that the order of pixels does not matter; black is the first.
        let own = colours.sorted { ($0.red, $0.green, $0.blue) < ($1.red, $1.green, $1.blue) }
        let file = LabelFile(palette: isGray ? nil : isDAVIS ? davis : own)
        return (file, file.labels(of: image))
    }

    /// Reads a mask alike; a colour that stands for no label is background.
    func labels(in path: String) throws(PictureFailure) -> LabelMap {
        labels(of: try Self.picture(path))
    }

    /// Writes a mask in the same form.
    func write(_ map: LabelMap, to path: String) throws {
        if let palette {
            try Image.writeIndexedPNG(
                map.labels, width: map.width, height: map.height, palette: palette, to: path)
        } else {
            try Image.writeGrayPNG(map.labels, width: map.width, height: map.height, to: path)
        }
    }

    /// A colour for each of 256 labels to show the objects in: their own, but where they are gray.
    func colours(of objects: [UInt8]) -> [Colour] {
        var colours = palette ?? []
        colours += [Colour](repeating: .black, count: 256 - colours.count)
        guard palette == nil else { return colours }
        for (label, colour) in zip(objects, ColourMap.tab10.colours(count: objects.count)) {
            colours[Int(label)] = colour
        }
        return colours
    }

    private static func picture(_ path: String) throws(PictureFailure) -> Image {
        do {
            return try Image(contentsOf: path)
        } catch {
            throw PictureFailure("\(error)")
        }
    }

    private func labels(of image: Image) -> LabelMap {
        var numbers: [Colour: UInt8] = [:]
        for (number, colour) in (palette ?? []).enumerated() where numbers[colour] == nil {
            numbers[colour] = UInt8(number)
        }
        let labels = (0..<image.height).flatMap { y in
            (0..<image.width).map { x in
                let colour = image[x, y]
                return palette == nil ? colour.red : numbers[colour] ?? 0
            }
        }
        return LabelMap(width: image.width, height: image.height, labels: labels)
    }
}

/// A colour of PASCAL VOC's palette, which is DAVIS's: the bits of the number, three by three, become
/// the bits of red, green and blue from the highest on.
private func davisColour(_ number: Int) -> Colour {
    var levels = [0, 0, 0]
    for bit in 0..<8 {
        for channel in 0..<3 {
            levels[channel] |= (number >> (3 * bit + channel) & 1) << (7 - bit)
        }
    }
    return Colour(red: UInt8(levels[0]), green: UInt8(levels[1]), blue: UInt8(levels[2]))
}
