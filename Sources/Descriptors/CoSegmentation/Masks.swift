import Images
import Tensors

extension CoSegmentation {
    /// The side of the uniform neighbourhood that makes a pixel certain (cosegmentation.py,
    /// `grabcut_kernel_size`).
    private static let certainty = 7

    /// Segments a picture at the size of the network's image: 1 is foreground, 0 background.
    ///
    /// Pixels well inside or well outside the foreground's cells are certain; GrabCut decides the others by
    /// their colours. If no pixel, or every pixel, is certain background, the mask is not refined: it is
    /// empty if no cluster is salient and full if all are.
    ///
    /// - Precondition: as `clusters(of:)`.
    /// - Complexity: O(cells * clusters * channels), and the refinement.
    public func mask(of picture: SegmentationFeatures) -> LabelMap {
        let image = picture.image
        let sampling = CellSampling(of: picture)
        let mask = foreground(of: picture).gathered(
            rows: sampling.rows, columns: sampling.columns,
            width: picture.descriptors.grid.columns)
        let refined = options.refinement.flatMap { self.refined(mask, image, by: $0) } ?? mask
        return LabelMap(
            width: image.width, height: image.height, labels: refined.map { $0 ? 1 : 0 })
    }

    private func refined(_ mask: [Bool], _ image: Image, by grabCut: GrabCut) -> [Bool]? {
        func certain(_ mask: [Bool]) -> [Bool] {
            eroded(mask, width: image.width, height: image.height, size: Self.certainty)
        }
        let foreground = certain(mask)
        let background = certain(mask.map { !$0 })
        guard background.contains(true), background.contains(false) else { return nil }
        let labels = zip(foreground, background).map { isForeground, isBackground in
            isForeground
                ? GrabCut.Label.foreground
                : isBackground ? .background : .probableForeground
        }
        // A new generator for each picture: the result does not depend on the other pictures.
        var generator = Xoshiro256(seed: options.seed)
        return grabCut.labels(of: image, from: labels, using: &generator).map(\.isForeground)
    }
}
