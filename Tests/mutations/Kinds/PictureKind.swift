import Images
import Tensors

/// Photos: PNG and JPEG.
struct PictureKind: Kind {
    let name = "picture"
    let fileName = "picture.png"
    let seeds: [[UInt8]]

    init() throws {
        seeds = try PictureSeeds.pngs() + Fixtures.jpegs()
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        PictureSeeds.restructured(bytes, others: seeds, using: &random)
    }

    func memoryLimit(of bytes: [UInt8]) -> Int {
        16 * bytes.count + 64 << 20 + PictureHeader(bytes).memory
    }

    func use(_ path: String) throws {
        let image = try Image(contentsOf: path)
        precondition(
            image.pixels.count == image.width * image.height * 3, "the picture is incomplete")
    }
}

/// The size that a picture's header claims.
struct PictureHeader {
    private var pixels = 0
    /// The minimum number of bytes of such a picture, compressed.
    private var least = 0
    private let byteCount: Int

    init(_ bytes: [UInt8]) {
        byteCount = bytes.count
        if bytes.starts(with: PNGFile.signature) {
            let width = bytes.integer(at: 16, size: 4, isBigEndian: true)
            let height = bytes.integer(at: 20, size: 4, isBigEndian: true)
            // Sides beyond PNG's limit are invalid.
            pixels = max(width, height) < 1 << 31 ? width * height : 0
            let channels = [2: 3, 4: 2, 6: 4][bytes.dropFirst(25).first ?? 0] ?? 1
            let bits = channels * Int(bytes.dropFirst(24).first ?? 0)
            // A byte of deflate expands to at most 1,032 bytes.
            least = pixels / 8 / 1032 * bits
        } else if let file = JPEGFile(bytes) {
            for (marker, data) in file.segments where 0xC0...0xCF ~= marker && data.count > 5 {
                let height = data.integer(at: 1, size: 2, isBigEndian: true)
                let width = data.integer(at: 3, size: 2, isBigEndian: true)
                pixels = max(pixels, width * height)
            }
            // A block takes at least a bit and covers 64 pixels, or four times as many with subsampling.
            least = pixels / 64 / 4 / 8
        }
    }

    /// The memory that decoding may take: 16 bytes per pixel for the result, a copy to rotate it and the stored samples.
    /// Zero if the file is too short for the picture.
    var memory: Int { pixels <= Image.maximumPixelCount && least <= byteCount ? 16 * pixels : 0 }
}
