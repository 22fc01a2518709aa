import Descriptors
import Images
import Tensors

/// A picture with named keypoints.
package struct KeypointPicture: Sendable {
    /// The picture.
    package var image: Image
    /// The keypoints by name, in pixels; a name denotes the same part of the body in every picture.
    package var places: [String: Point]
    /// The longer side of the box around the object, in pixels.
    package var boxSide: Double

    /// A picture with its keypoints.
    package init(image: Image, places: [String: Point], boxSide: Double) {
        self.image = image
        self.places = places
        self.boxSide = boxSide
    }
}

/// "Percentage of correct keypoints", PCK (Yang and Ramanan 2013, section 4.1).
package struct KeypointScore: Sendable, Hashable, Codable {
    /// The number of keypoints transferred to the correct place.
    package var right: Int
    /// The number of keypoints transferred.
    package var carried: Int

    /// A score of the given counts.
    package init(right: Int = 0, carried: Int = 0) {
        self.right = right
        self.carried = carried
    }

    /// PCK, 0…100; 0 if no keypoint was transferred.
    package var percentage: Double { carried > 0 ? 100 * Double(right) / Double(carried) : 0 }
}

/// Transfers keypoints from picture to picture by descriptors.
///
/// A keypoint's descriptor is that of the cell whose centre is nearest; the keypoint is transferred to the
/// centre of the other picture's cell with the most similar descriptor (by cosine). The search uses no
/// masks, boxes or other keypoints.
package struct KeypointTransfer {
    private let pictures: [KeypointPicture]
    private let grids: [DescriptorGrid]
    private let binning: Binning
    /// The names of each picture's keypoints, sorted.
    private let names: [[String]]
    /// The descriptors of each picture's keypoints, as rows of unit length.
    private let queries: [Tensor]

    /// Computes the descriptors of all pictures.
    ///
    /// - Complexity: memory for the plain descriptors of all pictures.
    package init(_ pictures: [KeypointPicture], _ describer: some Describer) throws {
        self.init(
            pictures, grids: try pictures.map { try describer.descriptors(of: $0.image) },
            binning: describer.binning)
    }

    /// - Parameters:
    ///   - grids: the descriptors of each picture.
    ///   - binning: how they are compared.
    package init(_ pictures: [KeypointPicture], grids: [DescriptorGrid], binning: Binning) {
        self.pictures = pictures
        self.binning = binning
        let names = pictures.map { $0.places.keys.sorted() }
        queries = zip(pictures.indices, grids).map { picture, grid in
            let all = rows(of: grid, binning: binning)
            return .concatenated(
                names[picture].compactMap { name in
                    guard let place = pictures[picture].places[name] else { return nil }
                    let index = grid.index(of: grid.geometry.cell(nearest: place))
                    return all.rows(index..<index + 1)
                })
        }
        self.grids = grids
        self.names = names
    }

    /// Transfers the keypoints of some pictures to another.
    ///
    /// - Returns: for each source the places of its keypoints, sorted by name.
    package func carried(from sources: [Int], to target: Int) -> [[(name: String, place: Point)]] {
        guard !sources.isEmpty else { return [] }
        let grid = grids[target]
        let cells = rows(of: grid, binning: binning)
        let nearest = Tensor.concatenated(sources.map { queries[$0] })
            .product(transposed: cells).argmax()
        var row = 0
        return sources.map { source in
            names[source].map { name in
                defer { row += 1 }
                let pixel = grid.pixel(of: grid.cell(at: nearest[row]))
                return (name, Point(x: pixel.x, y: pixel.y))
            }
        }
    }

    /// Transfers the keypoints that both pictures of a pair have, and counts those that arrive within a
    /// part of the longer side of the target's box.
    package func score(_ pairs: [(source: Int, target: Int)], within part: Double = 0.1)
        -> KeypointScore
    {
        var score = KeypointScore()
        for (target, pairs) in Dictionary(grouping: pairs, by: \.target).sorted(by: {
            $0.key < $1.key
        }) {
            for places in carried(from: pairs.map(\.source), to: target) {
                for (name, place) in places {
                    guard let isRight = shows(name, at: place, in: target, within: part) else {
                        continue
                    }
                    score.carried += 1
                    if isRight { score.right += 1 }
                }
            }
        }
        return score
    }

    /// Whether a place is that of a keypoint, within a part of the box's longer side; nil if the picture
    /// lacks the keypoint.
    package func shows(
        _ name: String, at place: Point, in target: Int, within part: Double = 0.1
    ) -> Bool? {
        guard let truth = pictures[target].places[name] else { return nil }
        let (x, y) = (place.x - truth.x, place.y - truth.y)
        return (x * x + y * y).squareRoot() <= part * pictures[target].boxSide
    }
}

/// Descriptors as they are compared: rows of unit length.
private func rows(of grid: DescriptorGrid, binning: Binning) -> Tensor {
    switch binning {
    case .none: grid.matrix.normalizedRows()
    case .logarithmic(let hierarchy):
        grid.logBinned(hierarchy: hierarchy)
            .reshaped(to: [grid.grid.count, binning.bins * grid.channels]).normalizedRows()
    }
}
