import Descriptors
import Images

/// Two photos side by side at the same height, with numbered pairs of points joined by lines.
struct MatchPicture {
    private let photos: [Photo]
    private let canvas: Image
    /// The x coordinate of each photo's left edge.
    private let lefts: [Int]

    /// The height of both photos; a panorama wider than `mostWidth` is drawn smaller.
    private static let height = 640
    private static let mostWidth = 1280
    private static let gap = 12

    init(_ photos: [Photo]) {
        self.photos = photos
        let displays = photos.compactMap(\.display)
        canvas = Image.sideBySide(displays, gap: MatchPicture.gap)
        lefts = displays.indices.map { index in
            displays[..<index].reduce(0) { $0 + $1.width + MatchPicture.gap }
        }
    }

    /// The size at which a photo is drawn.
    static func displaySize(width: Int, height: Int) -> (width: Int, height: Int) {
        let scale = min(
            Double(MatchPicture.height) / Double(height), Double(mostWidth) / Double(width))
        return scaled(width, height, by: scale)
    }

    /// Draws the pairs; all lines lie below all points.
    func drawn(_ pairs: [Correspondences.Pair]) -> Image {
        var picture = canvas
        let colours = (pairs.count <= 10 ? ColourMap.tab10 : .turbo).colours(count: pairs.count)
        let points = pairs.map { [place($0.source, in: 0), place($0.target, in: 1)] }
        for (ends, colour) in zip(points, colours) {
            for (thickness, colour) in [(4.0, Colour.white), (2.0, colour)] {
                picture.drawLine(from: ends[0], to: ends[1], thickness: thickness, colour: colour)
            }
        }
        for (index, colour) in colours.enumerated() {
            for end in points[index] { picture.drawNumber(index + 1, at: end, colour: colour) }
        }
        return picture
    }

    private func place(_ point: Correspondences.Point, in side: Int) -> Point {
        let photo = photos[side]
        guard let display = photo.display else { return Point(x: 0, y: 0) }
        return Point(
            x: Double(lefts[side])
                + point.pixel.x * Double(display.width) / Double(photo.input.photoWidth),
            y: point.pixel.y * Double(display.height) / Double(photo.input.photoHeight))
    }
}

extension Image {
    /// A disc with a white ring and a number in it.
    fileprivate mutating func drawNumber(_ number: Int, at centre: Point, colour: Colour) {
        let text = String(number)
        let size = Image.textSize(text)
        drawDisc(
            at: centre, radius: max(11, Double(size.width) / 2 + 3), colour: colour, ring: .white,
            ringWidth: 2)
        drawText(
            text, x: Int((centre.x - Double(size.width) / 2).rounded()),
            y: Int((centre.y - Double(size.height) / 2).rounded()), colour: .white)
    }
}
