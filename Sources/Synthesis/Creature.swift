import Images
import Platform
import Tensors

/// A synthetic picture of a jointed creature with its ground truth.
package struct Creature: Sendable {
    /// The kind of creature.
    package let kind: Kind
    /// The direction that the creature faces.
    package let facing: Side
    /// The picture.
    package let image: Image
    /// The ``Part`` of each pixel, row by row.
    package let mask: [UInt8]
    /// Places in pixels from the left and upper edges; without keypoints that the kind lacks.
    package let keypoints: [Keypoint: (place: Point, isVisible: Bool)]
    /// The box around all parts of the mask.
    package let box: Bounds

    /// Separate streams of random numbers, so that colours and surroundings are independent of the kind.
    private enum Stream: Int {
        case pose, palette, coat, scenery, props, placing
    }

    /// From the smallest size at which legs are distinguishable to a screen's width.
    package static let sizes = Bound("size", 16...4096)
    /// The upper limit makes a folder of a hundred gigabytes in days of work.
    package static let counts = Bound("number of pictures", 1...10_000_000)

    /// The kind of the picture at an index, in any series.
    package static func kind(of index: Int, from kinds: [Kind]) -> Kind {
        kinds[index % kinds.count]
    }

    /// Generates one picture of a series; it is the same at any size, only finer.
    ///
    /// - Parameters:
    ///   - seed: seed of the series.
    ///   - index: the picture's number in the series; kinds alternate, so that they are equally frequent.
    ///   - size: the side of the picture in pixels.
    ///   - kinds: the kinds of the series.
    ///   - setting: where creatures are shown.
    /// - Precondition: `index` is not negative, `size` is in `sizes`, and there is at least one kind.
    /// - Complexity: O(size^2).
    package init(
        seed: UInt64, index: Int, size: Int, kinds: [Kind] = Kind.allCases,
        setting: Setting = .wild
    ) {
        require(
            index >= 0 && Creature.sizes.range ~= size && !kinds.isEmpty,
            "Creature: picture \(index), \(size) pixels wide, of \(kinds.count) kinds")
        func generator(_ stream: Stream) -> Xoshiro256 {
            Xoshiro256(seed: seed, stream: index, stream.rawValue)
        }
        kind = Creature.kind(of: index, from: kinds)

        var colours = generator(.palette)
        let palette = Palette(using: &colours)
        let light = Light(using: &colours)
        var fur = generator(.coat)
        let coat = Coat(setting, palette: palette, using: &fur)
        var place = generator(.scenery)
        let scenery = Scenery(setting, using: &place)
        var things = generator(.props)
        let props = Props(using: &things)

        let posed = Posing.figure(of: kind, in: setting, using: generator(.pose))
        var lot = generator(.placing)
        let placing = Placing(posed, in: setting, using: &lot)
        facing = placing.facing
        var canvas = scenery.canvas(size: size, behind: placing)
        if setting == .wild { props.paint(on: &canvas, light: light) }
        let figure = posed.moved(
            scale: placing.scale, least: 0.62 * canvas.pixel, placing.inPicture)
        placing.shade(figure, on: &canvas)

        let painting = FigurePainting(
            figure: figure, coat: coat, palette: palette, light: light, scale: placing.scale,
            onCreature: placing.onCreature)
        var parts = [UInt8](repeating: 0, count: size * size)
        painting.paint(on: &canvas, mask: &parts)
        image = canvas.image
        mask = parts
        keypoints = figure.landmarks.mapValues { landmark in
            (
                Point(x: landmark.place.x * Double(size), y: landmark.place.y * Double(size)),
                painting.shows(landmark.layer, at: landmark.place, size: size)
            )
        }
        box = Creature.box(of: parts, size: size)
    }

    private static func box(of mask: [UInt8], size: Int) -> Bounds {
        var (left, top, right, bottom) = (size, size, -1, -1)
        for at in mask.indices where mask[at] != 0 {
            let (row, column) = at.quotientAndRemainder(dividingBy: size)
            (left, right) = (min(left, column), max(right, column))
            (top, bottom) = (min(top, row), max(bottom, row))
        }
        return Bounds(
            x: Double(left), y: Double(top), width: Double(right + 1 - left),
            height: Double(bottom + 1 - top))
    }
}
