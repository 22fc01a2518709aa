import Descriptors
import Images
import Tensors

/// Masks, whose labels are what a PNG stores.
struct MaskKind: Kind {
    let name = "mask"
    let fileName = "mask.png"
    let seeds: [[UInt8]]

    init() throws {
        var chance = Xoshiro256(seed: 4)
        let labels = (0..<13 * 11).map { _ in UInt8(chance.below(3)) }
        let palette: [Colour] = [.black, .white, Colour(red: 128, green: 0, blue: 0)]
        seeds =
            try PictureSeeds.pngs() + [
                Fixtures.written {
                    try Image.writeGrayPNG(labels, width: 13, height: 11, to: $0)
                },
                Fixtures.written {
                    try Image.writeIndexedPNG(
                        labels, width: 13, height: 11, palette: palette, to: $0)
                },
            ]
    }

    func restructured(_ bytes: [UInt8], using chance: inout Xoshiro256) -> [UInt8]? {
        PictureSeeds.restructured(bytes, others: seeds, using: &chance)
    }

    func memoryLimit(of bytes: [UInt8]) -> Int {
        16 * bytes.count + 64 << 20 + PictureHeader(bytes).memory
    }

    func use(_ path: String) throws {
        let image = try Image(contentsOf: path)
        let labels = stride(from: 0, to: image.pixels.count, by: 3).map { image.pixels[$0] }
        let map = LabelMap(width: image.width, height: image.height, labels: labels)
        _ = map.objects
        _ = map.resized(width: 16, height: 16)
    }
}
