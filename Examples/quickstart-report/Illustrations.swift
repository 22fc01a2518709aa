import Descriptors
import Images
import Scores
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

    /// Few enough that pictures are legible on a phone.
    private static let columns = 4
    private static let side = 220

    /// Eight creatures, and their true parts and keypoints.
    func creatures() -> Image {
        let shown = series.unseen(2 * Self.columns, size: Self.side)
        let truth = shown.map { creature in
            creature.parts().marked(
                creature.keypoints.values.filter(\.isVisible).map { ($0.place, .white) }, radius: 3)
        }
        let columns = Self.columns
        return sheet([
            Array(shown[..<columns]).map(\.image), Array(truth[..<columns]),
            Array(shown[columns...]).map(\.image), Array(truth[columns...]),
        ])
    }

    /// The attention of the networks' class tokens: the picture, saliency by each network, and the object cut out by the
    /// trained one.
    func saliency(_ networks: Networks) throws -> Image {
        let shown = series.unseen(3 * Self.columns, size: Self.side).suffix(Self.columns)
        let images = shown.map(\.image)
        let maps = try [networks.untrained, networks.trained, networks.bundled].map { network in
            try images.map(network.saliency)
        }
        let objects = zip(images, maps[1]).map { image, saliency in
            SalientObject().mask(of: image, saliency: saliency)
                .drawn(over: image, palette: [.black, .white], strength: 0)
        }
        return sheet(
            [images] + maps.map { zip(images, $0).map { $0.shaded(by: $1) } } + [objects])
    }

    /// Parts of creatures of several kinds: the true ones, and by each network.
    func parts(_ networks: Networks) throws -> Image {
        let creatures = series.unseen(2 * series.kinds.count, size: Self.side)
        let shown = [0, 1, 3, 4].map { $0 % creatures.count }
        let palette = LabelMap.palette(parts: Parts.count)
        let rows = try [networks.untrained, networks.trained, networks.bundled].map { network in
            let maps = try Parts(of: creatures, by: network).maps
            return shown.map {
                maps[$0].drawn(over: creatures[$0].image, palette: palette, strength: 0.55)
            }
        }
        return sheet([shown.map { creatures[$0].parts() }] + rows)
    }

    /// Rows of a creature with its keypoints, and of another kind with the keypoints that the untrained and the
    /// trained network transfer to it.
    func keypoints(_ networks: Networks) throws -> Image {
        let creatures = series.unseen(2 * series.kinds.count, size: 300)
        let pictures = CreatureSeries(creatures).keypointPictures
        let transfers = try [networks.untrained, networks.trained].map {
            try KeypointTransfer(pictures, $0.describer)
        }
        return sheet(
            [(0, 3), (2, 1), (7, 4)].map { source, target in
                let (source, target) = (source % creatures.count, target % creatures.count)
                let names = creatures[source].sharedKeypoints(with: creatures[target])
                    .map(\.rawValue)
                let colours = Dictionary(
                    uniqueKeysWithValues: zip(names, ColourMap.turbo.colours(count: names.count)))
                let origin = pictures[source].places.compactMap { name, place in
                    colours[name].map { (place, $0) }
                }
                return [creatures[source].image.marked(origin, radius: 6)]
                    + transfers.map { transfer in
                        var image = creatures[target].image
                        for (name, place) in transfer.carried(from: [source], to: target)[0] {
                            guard let colour = colours[name] else { continue }
                            let isRight = transfer.shows(name, at: place, in: target) == true
                            image.drawDisc(
                                at: place, radius: isRight ? 6 : 4, colour: colour,
                                ring: isRight ? .white : .black, ringWidth: isRight ? 3 : 1.5)
                        }
                        return image
                    }
            }, gap: 10)
    }
}
