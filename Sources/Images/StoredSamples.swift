import CImages

/// A PNG's samples as stored, and their interpretation as labels.
struct StoredSamples {
    let width: Int
    let height: Int
    let orientation: Orientation
    /// The palette of an indexed file; otherwise empty.
    let palette: [(colour: Colour, alpha: UInt8)]
    private let channels: Int
    /// Bits per sample.
    private let bits: Int
    /// The samples, one byte each, or two in native order if they have 16 bits.
    private let bytes: [UInt8]
    /// The samples of the one level or colour that is transparent.
    private let key: [Int]?

    init(decoding bytes: [UInt8], name: String) throws(ImageError) {
        switch PictureFormat(firstBytes: bytes) {
        case .png: break
        case .jpeg:
            throw .noLabels(
                file: name,
                reason: "it is a JPEG, whose compression blurs labels; expected a PNG file")
        case nil: throw .unknownFormat(file: name, found: Array(bytes.prefix(4)))
        }
        self = try PictureFormat.png.reading(bytes, name) { reader, header throws(ImageError) in
            try StoredSamples(reader, &header, name)
        }
    }

    private init(
        _ reader: OpaquePointer, _ header: inout CImageHeader, _ name: String
    ) throws(ImageError) {
        (width, height) = (Int(header.width), Int(header.height))
        (channels, bits) = (Int(header.channels), Int(header.bit_depth))
        orientation = Orientation(header)
        var rgba = [UInt8](repeating: 0, count: 256 * 4)
        if header.palette_count > 0 { cimage_palette(reader, &rgba) }
        palette = (0..<Int(header.palette_count)).map { entry in
            let at = entry * 4
            return (Colour(red: rgba[at], green: rgba[at + 1], blue: rgba[at + 2]), rgba[at + 3])
        }
        let (red, green, blue) = header.key
        key = header.has_key ? [red, green, blue].prefix(channels).map(Int.init) : nil
        let count = width * height * channels * (bits == 16 ? 2 : 1)
        var isRead = false
        self.bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            isRead = cimage_read_stored(reader, buffer.baseAddress, &header)
            initialized = isRead ? count : 0
        }
        guard isRead else { throw PictureFormat.png.failure(header, name) }
    }

    /// Whether pixels consist of red, green and blue.
    var isColour: Bool { channels >= 3 }

    private func sample(_ pixel: Int, _ channel: Int) -> Int {
        let at = pixel * channels + channel
        guard bits == 16 else { return Int(bytes[at]) }
        return bytes.withUnsafeBytes {
            Int($0.loadUnaligned(fromByteOffset: 2 * at, as: UInt16.self))
        }
    }

    /// Whether a pixel, which is not an index, is transparent.
    ///
    /// - Throws: if it is partly transparent.
    private func isTransparent(_ pixel: Int) throws(NoLabels) -> Bool {
        if let key {
            return key.indices.allSatisfy { sample(pixel, $0) == key[$0] }
        }
        guard channels == 2 || channels == 4 else { return false }
        let alpha = sample(pixel, channels - 1)
        guard alpha == 0 || alpha == (1 << bits) - 1 else {
            throw NoLabels(
                "its pixel at column \(pixel % width), row \(pixel / width) is partly transparent; "
                    + "expected opaque objects")
        }
        return alpha == 0
    }

    /// The labels of a file with a palette.
    ///
    /// - Throws: if the background is ambiguous: there is a transparent index, and 0 is neither transparent nor black.
    func labelsOfIndices() throws(NoLabels) -> (labels: [UInt8], form: LabelImage.Form) {
        var isUsed = [Bool](repeating: false, count: 256)
        for index in bytes { isUsed[Int(index)] = true }
        let transparent = palette.indices.filter { isUsed[$0] && palette[$0].alpha == 0 }
        if let first = transparent.first(where: { $0 > 0 }), isUsed[0], palette[0].alpha > 0,
            palette[0].colour != .black
        {
            throw NoLabels(
                "it has two backgrounds, index 0 and the transparent index \(first) of its palette; "
                    + "expected only 0")
        }
        var numbers = (0...255).map { UInt8($0) }
        for index in transparent { numbers[index] = 0 }
        let labels = bytes.map { numbers[Int($0)] }
        var colours = palette.map(\.colour)
        // Indices can exceed the palette.
        while colours.count <= Int(labels.max() ?? 0) { colours.append(.black) }
        return (labels, .indexed(colours))
    }

    /// The labels of a gray file.
    func labelsOfLevels() throws(NoLabels) -> (labels: [UInt8], form: LabelImage.Form) {
        var labels: [UInt8] = []
        labels.reserveCapacity(width * height)
        for pixel in 0..<width * height {
            let level = try isTransparent(pixel) ? 0 : sample(pixel, 0)
            guard level <= 255 else {
                throw NoLabels("it has the 16-bit label \(level); expected 0 to 255")
            }
            labels.append(UInt8(level))
        }
        return (labels, .gray(bits: bits))
    }

    /// The labels of a file whose pixels are interpreted as colours, however these are stored.
    ///
    /// - Parameter form: see ``LabelImage/init(contentsOf:numberedAs:)``.
    func labelsOfColours(
        numberedAs form: LabelImage.Form?
    ) throws(NoLabels) -> (labels: [UInt8], form: LabelImage.Form) {
        // Pixels refer to colours in the order of their first occurrence.
        var places: [Colour: UInt8] = [:]
        var colours: [Colour] = []
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height)
        for pixel in 0..<width * height {
            let colour = try colour(pixel)
            if let last = pixels.last, colours[Int(last)] == colour {
                pixels.append(last)
            } else if let place = places[colour] {
                pixels.append(place)
            } else {
                guard colours.count < 256 else {
                    throw NoLabels("it has more than 256 colours; expected one for each object")
                }
                places[colour] = UInt8(colours.count)
                pixels.append(UInt8(colours.count))
                colours.append(colour)
            }
        }
        let found = try Self.form(of: colours, numberedAs: form)
        let numbers = colours.map { colour in
            switch found {
            case .gray: colour.red
            case .indexed(let all), .coloured(let all):
                UInt8(all.firstIndex(of: colour) ?? 0)
            }
        }
        return (pixels.map { numbers[Int($0)] }, found)
    }

    private static func form(
        of colours: [Colour], numberedAs form: LabelImage.Form?
    ) throws(NoLabels) -> LabelImage.Form {
        let colours = Set(colours).union([.black])
        switch form {
        case .indexed(let known)? where colours.isSubset(of: known),
            .coloured(let known)? where colours.isSubset(of: known):
            return .indexed(known)
        case .gray?, .indexed?, nil:
            if colours.allSatisfy({ $0.red == $0.green && $0.green == $0.blue }) {
                return .gray(bits: 8)
            }
            let davis = Colour.davis
            if colours.isSubset(of: davis) { return .indexed(davis) }
        case .coloured?: break
        }
        // Sorted, so that the order of pixels does not matter; black comes first.
        let sorted = colours.sorted {
            ($0.red, $0.green, $0.blue) < ($1.red, $1.green, $1.blue)
        }
        guard let form else {
            guard sorted.count <= 256 else {
                throw NoLabels("it has 256 colours besides black; expected one for each object")
            }
            return .coloured(sorted)
        }
        var known: [Colour] = []
        if case .coloured(let colours) = form { known = colours }
        let other = sorted.first { !known.contains($0) && $0 != .black } ?? .black
        throw NoLabels(
            "its colour (\(other.red), \(other.green), \(other.blue)) is not among the label colours of "
                + "the mask that numbers it")
    }

    /// A pixel's colour; black where it is transparent.
    private func colour(_ pixel: Int) throws(NoLabels) -> Colour {
        if !palette.isEmpty {
            let index = Int(bytes[pixel])
            guard index < palette.count, palette[index].alpha > 0 else { return .black }
            return palette[index].colour
        }
        if try isTransparent(pixel) { return .black }
        func level(_ channel: Int) throws(NoLabels) -> UInt8 {
            let (level, rest) = (sample(pixel, channel) * 255).quotientAndRemainder(
                dividingBy: (1 << bits) - 1)
            guard rest == 0 else {
                throw NoLabels(
                    "it has the 16-bit level \(sample(pixel, channel)), which 8 bits cannot express; "
                        + "expected 8 bits")
            }
            return UInt8(level)
        }
        if !isColour {
            let gray = try level(0)
            return Colour(red: gray, green: gray, blue: gray)
        }
        return Colour(red: try level(0), green: try level(1), blue: try level(2))
    }
}

extension Colour {
    /// PASCAL VOC's palette, which DAVIS uses: the bits of the label, three at a time, become bits of red, green and
    /// blue, from the highest bit on.
    static let davis = (0...255).map { number in
        var levels = [0, 0, 0]
        for bit in 0..<8 {
            for channel in 0..<3 {
                levels[channel] |= (number >> (3 * bit + channel) & 1) << (7 - bit)
            }
        }
        return Colour(red: UInt8(levels[0]), green: UInt8(levels[1]), blue: UInt8(levels[2]))
    }
}
