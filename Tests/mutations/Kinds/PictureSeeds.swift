import Images
import Tensors

/// Small PNG files of every type, and how pictures are changed.
enum PictureSeeds {
    /// The colour types with their bit depths.
    private static let forms: [(colourType: Int, depths: [Int])] = [
        (0, [1, 2, 4, 8, 16]), (2, [8, 16]), (3, [1, 2, 4, 8]), (4, [8, 16]), (6, [8, 16]),
    ]

    static func pngs() throws -> [[UInt8]] {
        var random = Xoshiro256(seed: 3)
        var seeds: [[UInt8]] = []
        for (colourType, depths) in forms {
            for depth in depths {
                for isInterlaced in [false, true] {
                    func png(_ extra: [PNGFile.Chunk]) -> [UInt8] {
                        PNGFile(
                            width: 13, height: 11, depth: depth, colourType: colourType,
                            isInterlaced: isInterlaced, extra: extra, using: &random
                        ).bytes
                    }
                    seeds.append(png([]))
                    if let key = key(colourType) { seeds.append(png([.init("tRNS", key)])) }
                    if depth == 8 { seeds.append(png(ancillary(colourType))) }
                }
            }
        }
        return seeds + [try Fixtures.photo(1).encodedPNG()]
    }

    /// A `tRNS` chunk: a transparent colour, or the alphas of a palette.
    private static func key(_ colourType: Int) -> [UInt8]? {
        switch colourType {
        case 0: [0, 1]
        case 2: [0, 1, 0, 2, 0, 3]
        case 3: [0, 128, 255]
        default: nil
        }
    }

    private static func ancillary(_ colourType: Int) -> [PNGFile.Chunk] {
        let text = Array("Comment".utf8) + [0]
        return [
            .init("gAMA", [0, 0, 0xB1, 0x8F]), .init("pHYs", [0, 0, 11, 19, 0, 0, 11, 19, 1]),
            .init("eXIf", Exif.orientation(6)), .init("tEXt", text + Array("a text".utf8)),
            .init("zTXt", text + [0] + Deflate.zeros(1000)),
            .init("iTXt", text + [1, 0, 0, 0] + Deflate.zeros(1000)),
            .init("tIME", [7, 0xE9, 1, 2, 3, 4, 5]), .init("sRGB", [0]),
        ]
    }

    static func restructured(
        _ bytes: [UInt8], others: [[UInt8]], using random: inout Xoshiro256
    ) -> [UInt8]? {
        if var png = PNGFile(bytes) {
            png.mutate(others: others, using: &random)
            return png.bytes
        }
        guard var jpeg = JPEGFile(bytes) else { return nil }
        jpeg.mutate(others: others, using: &random)
        return jpeg.bytes
    }
}
