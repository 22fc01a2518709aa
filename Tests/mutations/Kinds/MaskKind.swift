import Descriptors
import Images
import Platform
import Tensors

/// Masks: PNG files whose stored values are labels.
struct MaskKind: Kind {
    let name = "mask"
    let fileName = "mask.png"
    let seeds: [[UInt8]]

    init() throws {
        var random = Xoshiro256(seed: 4)
        let labels = (0..<13 * 11).map { _ in UInt8(random.below(3)) }
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

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        PictureSeeds.restructured(bytes, others: seeds, using: &random)
    }

    func memoryLimit(of bytes: [UInt8]) -> Int {
        16 * bytes.count + 64 << 20 + PictureHeader(bytes).memory
    }

    func use(_ path: String) throws {
        let mask = try LabelImage(contentsOf: path)
        _ = try? LabelImage(contentsOf: path, numberedAs: mask.form)
        let map = LabelMap(width: mask.width, height: mask.height, labels: mask.labels)
        _ = map.objects
        try mask.form.write(
            mask.labels, width: mask.width, height: mask.height, to: path + ".again.png")
        let again = try LabelImage(contentsOf: path + ".again.png")
        require(
            again.labels == mask.labels,
            "a mask changes when it is written and read again")
    }
}
