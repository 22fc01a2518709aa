import Descriptors
import Images
import Synthesis
import ViT

/// The names and colours of the parts, for the page's legend.
enum Truth {
    static var parts: [(name: String, colour: String)] {
        Part.allCases.dropFirst().map { part in
            let colour = Part.palette[Int(part.rawValue)]
            return (part.name, "rgb(\(colour.red), \(colour.green), \(colour.blue))")
        }
    }
}

/// The pictures that the page shows.
struct Illustrations {
    let series: Series
    let untrained: Network
    let trained: Network
    let bundled: Network

    /// Few enough that pictures are legible on a phone.
    private static let columns = 4
    private static let side = 220

    func write(to folder: String) throws {
        let columns = Self.columns
        let shown = series.unseen(4 * columns, size: Self.side)
        let rows = (0..<4).map { row in Array(shown[row * columns..<(row + 1) * columns]) }
        try sheet(rows.map { $0.map(\.image) }).writePNG(to: folder + "/creatures.png")
        let truth = rows.prefix(2).map { row in
            row.map { creature in
                creature.parts().marked(
                    creature.keypoints.values.filter(\.isVisible).map { ($0.place, .white) },
                    radius: 3)
            }
        }
        try sheet(truth).writePNG(to: folder + "/parts.png")
        let saliency = try [untrained, trained, bundled].map { network in
            try rows[2].map { $0.image.shaded(by: try network.saliency(of: $0.image)) }
        }
        try sheet([rows[2].map(\.image)] + saliency).writePNG(to: folder + "/saliency.png")
        try keypoints().writePNG(to: folder + "/keypoints.png")
        try segments().writePNG(to: folder + "/segments.png")
    }

    /// Draws one column per kind: the true parts, and for both networks the common object, the object of
    /// each picture, and its parts.
    private func segments() throws -> Image {
        let creatures = Segmentation.creatures(series)
        let shown = 0..<Segmentation.kinds
        let found = try [untrained, trained].map { try Segmentation(creatures, by: $0) }
        func drawn(_ maps: [LabelMap], _ palette: [Colour], strength: Double) -> [Image] {
            shown.map { index in
                let photo = creatures[index].image.resized(
                    width: Self.side, height: Self.side, using: .bicubic)
                return maps[index].drawn(over: photo, palette: palette, strength: strength)
            }
        }
        let truth = creatures.map { creature in
            LabelMap(
                width: creature.image.width, height: creature.image.height, labels: creature.mask)
        }
        let palette = LabelMap.palette(parts: Part.allCases.count - 1)
        return sheet(
            [drawn(truth, Part.palette, strength: 0.55)]
                + found.flatMap { segmentation in
                    [
                        drawn(segmentation.common, [.black, .black], strength: 0),
                        drawn(segmentation.masks, [.black, .black], strength: 0),
                        drawn(segmentation.parts, palette, strength: 0.55),
                    ]
                })
    }

    /// Draws rows of a creature with its keypoints, and another with the keypoints that both networks
    /// transfer.
    private func keypoints() throws -> Image {
        let creatures = series.unseen(2 * series.kinds.count, size: 300)
        let pairs = [(0, 3), (2, 1), (5, 7)].map {
            (creatures[$0 % creatures.count], creatures[$1 % creatures.count])
        }
        return sheet(
            try pairs.map { source, target in
                let names = source.sharedKeypoints(with: target)
                let colours = ColourMap.turbo.colours(count: names.count)
                let places = zip(names, colours).compactMap { name, colour in
                    source.keypoints[name].map { ($0.place, colour) }
                }
                let carried = try [untrained, trained].map { network in
                    let places = try network.carry(names, from: source, to: target)
                    var image = target.image
                    for (name, colour) in zip(names, colours) {
                        guard let place = places[name] else { continue }
                        let isRight = target.shows(name, at: place)
                        image.drawDisc(
                            at: place, radius: isRight ? 6 : 4, colour: colour,
                            ring: isRight ? .white : .black, ringWidth: isRight ? 3 : 1.5)
                    }
                    return image
                }
                return [source.image.marked(places, radius: 6)] + carried
            }, gap: 10)
    }
}
