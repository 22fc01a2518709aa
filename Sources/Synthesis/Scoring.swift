import Images
import Platform

// Scores of predictions against a creature's ground truth.
extension Creature {
    /// Whether a place is that of a keypoint, within a part of the box's longer side: the criterion of PCK
    /// (Yang and Ramanan 2013, section 4.1).
    ///
    /// - Precondition: this kind has the keypoint.
    package func shows(_ name: Keypoint, at place: Point, within part: Double = 0.1) -> Bool {
        guard let truth = keypoints[name]?.place else {
            fail("shows: a \(kind) has no \(name)")
        }
        let (x, y) = (place.x - truth.x, place.y - truth.y)
        return (x * x + y * y).squareRoot() <= part * max(box.width, box.height)
    }

    /// Intersection over union of a foreground and the creature.
    ///
    /// - Parameter foreground: whether each pixel is foreground, row by row.
    /// - Precondition: there is one element per pixel.
    package func overlap(with foreground: [Bool]) -> Double {
        require(
            foreground.count == mask.count,
            "overlap: \(foreground.count) pixels with \(mask.count)")
        var (both, either) = (0, 0)
        for (part, isForeground) in zip(mask, foreground) {
            if part != 0 && isForeground { both += 1 }
            if part != 0 || isForeground { either += 1 }
        }
        return either > 0 ? Double(both) / Double(either) : 0
    }

    /// The keypoints that are visible both here and in another picture.
    package func sharedKeypoints(with other: Creature) -> [Keypoint] {
        Keypoint.allCases.filter {
            keypoints[$0]?.isVisible == true && other.keypoints[$0]?.isVisible == true
        }
    }
}
