import Platform

// Scores of predictions against a creature's ground truth.
extension Creature {
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
