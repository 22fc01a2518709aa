import Platform

/// Scores of a video's segmentation by the measures of the DAVIS benchmark (Perazzi et al. 2016;
/// davis2017-evaluation, semi-supervised): region similarity J and contour accuracy F, averaged over
/// frames and then over objects.
///
/// The benchmark skips the first frame, whose mask is given, and the last; add only those between.
public struct VideoScores: Sendable, Hashable, Codable {
    /// The measures of one object, 0…1.
    public struct Object: Sendable, Hashable, Codable {
        /// The object's label.
        public var label: UInt8
        /// Region similarity of each frame.
        public var regions: [Double] = []
        /// Contour accuracy of each frame.
        public var contours: [Double] = []

        /// J, the mean over frames; NaN without frames.
        public var region: Double { average(regions) }
        /// F, the mean over frames; NaN without frames.
        public var contour: Double { average(contours) }
    }

    /// The scores of each object, by ascending label.
    public private(set) var objects: [Object]

    /// Starts without frames.
    ///
    /// - Parameter first: the first frame's true mask. Its labels other than 0 are the objects. 255 is
    ///   an object only if it is the only one; if there are others it marks ignored pixels and counts
    ///   as background.
    public init(first: LabelMap) {
        let labels = first.objects.filter { $0 != 0 }
        objects = (labels == [255] ? labels : labels.filter { $0 != 255 }).map { Object(label: $0) }
    }

    /// J, the mean over objects; NaN without frames or objects.
    public var region: Double { average(objects.map(\.region)) }
    /// F, the mean over objects; NaN without frames or objects.
    public var contour: Double { average(objects.map(\.contour)) }
    /// J&F, the mean of both measures.
    public var mean: Double { (region + contour) / 2 }

    /// Adds the scores of a frame.
    ///
    /// - Parameters:
    ///   - found: the predicted labels.
    ///   - truth: the true labels.
    /// - Precondition: both have the same size.
    /// - Complexity: O(pixels * objects).
    public mutating func add(_ found: LabelMap, truth: LabelMap) {
        require(
            found.width == truth.width && found.height == truth.height,
            "VideoScores: \(found.width)x\(found.height) labels for a truth of "
                + "\(truth.width)x\(truth.height)")
        for index in objects.indices {
            let label = objects[index].label
            let a = ObjectMask(found, label: label)
            let b = ObjectMask(truth, label: label)
            objects[index].regions.append(a.regionSimilarity(to: b))
            objects[index].contours.append(a.contourAccuracy(to: b))
        }
    }
}

private func average(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

/// The pixels of one object.
package struct ObjectMask {
    private let width: Int
    private let height: Int
    private var isInside: [Bool]

    package init(_ map: LabelMap, label: UInt8) {
        width = map.width
        height = map.height
        isInside = map.labels.map { $0 == label }
    }

    /// Intersection over union (`db_eval_iou`); 1 if both are empty.
    package func regionSimilarity(to truth: ObjectMask) -> Double {
        var (both, either) = (0, 0)
        for (a, b) in zip(isInside, truth.isInside) {
            both += a && b ? 1 : 0
            either += a || b ? 1 : 0
        }
        return either == 0 ? 1 : Double(both) / Double(either)
    }

    /// The harmonic mean of the share of this contour near the true one and the share of the true one near
    /// this (`f_measure`). Near is within 0.008 of the diagonal, rounded up to whole pixels.
    package func contourAccuracy(to truth: ObjectMask) -> Double {
        let diagonal = (Double(width * width) + Double(height * height)).squareRoot()
        let radius = Int((0.008 * diagonal).rounded(.up))
        let (own, theirs) = (contour, truth.contour)
        let precision: Double
        let recall: Double
        switch (own.isEmpty, theirs.isEmpty) {
        case (true, true): return 1
        case (true, false): (precision, recall) = (1, 0)
        case (false, true): (precision, recall) = (0, 1)
        case (false, false):
            precision = share(of: own, within: radius, of: theirs)
            recall = share(of: theirs, within: radius, of: own)
        }
        return precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
    }

    /// The pixels that differ from their right, lower or lower right neighbour (`_seg2bmap`); those of
    /// the last row and column are compared only with the neighbour inside the picture.
    private var contour: [Int] {
        var result: [Int] = []
        for y in 0..<height {
            for x in 0..<width {
                let at = y * width + x
                let right = x + 1 < width ? 1 : 0
                let below = y + 1 < height ? width : 0
                let value = isInside[at]
                if isInside[at + right] != value || isInside[at + below] != value
                    || isInside[at + right + below] != value
                {
                    result.append(at)
                }
            }
        }
        return result
    }

    /// The share of `points` within `radius` of one of `others`.
    private func share(of points: [Int], within radius: Int, of others: [Int]) -> Double {
        var isNear = [Bool](repeating: false, count: width * height)
        let halves = (-radius...radius).map { down in
            Int(Double(radius * radius - down * down).squareRoot())
        }
        for other in others {
            let (y, x) = other.quotientAndRemainder(dividingBy: width)
            for (index, half) in halves.enumerated() {
                let row = y + index - radius
                guard row >= 0, row < height else { continue }
                for column in max(0, x - half)...min(width - 1, x + half) {
                    isNear[row * width + column] = true
                }
            }
        }
        return Double(points.count { isNear[$0] }) / Double(points.count)
    }
}
