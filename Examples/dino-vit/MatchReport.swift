import Descriptors
import Platform
import ViT

/// The content of matches.json.
struct MatchReport: Codable {
    var source: Side
    var target: Side
    var bestBuddies: Int
    var salientBuddies: Int
    var pairs: [Pair]

    struct Side: Codable {
        var path: String
        /// Width of the original photo in pixels.
        var width: Int
        /// Height of the original photo in pixels.
        var height: Int
        /// Rows and columns of the grid of descriptors.
        var grid: [Int]
    }

    struct Pair: Codable {
        var source: Point
        var target: Point
        var similarity: Float
        var saliency: Float
    }

    struct Point: Codable {
        /// Distance in pixels from the original photo's left edge.
        var x: Double
        /// Distance in pixels from the original photo's upper edge.
        var y: Double
        /// Row and column of the cell.
        var patch: [Int]
    }

    init(_ result: Correspondences, photos: [Photo], grids: [PatchGrid]) {
        func side(_ index: Int) -> Side {
            Side(
                path: printable(photos[index].path), width: photos[index].input.photoWidth,
                height: photos[index].input.photoHeight,
                grid: [grids[index].rows, grids[index].columns])
        }
        func point(_ point: Correspondences.Point) -> Point {
            Point(
                x: point.pixel.x, y: point.pixel.y, patch: [point.cell.row, point.cell.column])
        }
        source = side(0)
        target = side(1)
        bestBuddies = result.bestBuddies
        salientBuddies = result.salientBuddies
        pairs = result.pairs.map {
            Pair(
                source: point($0.source), target: point($0.target), similarity: $0.similarity,
                saliency: $0.saliency)
        }
    }
}
