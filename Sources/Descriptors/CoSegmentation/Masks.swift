import Images
import Tensors

extension CoSegmentation {
    /// The side of the neighbourhood that has to be of one kind for a pixel to be certain
    /// (cosegmentation.py, `grabcut_kernel_size`).
    private static let certainty = 7

    /// The pixels of a picture, as the network saw it, that are foreground: 1, others 0.
    ///
    /// Pixels well inside the foreground's cells, or well outside, are certain; GrabCut decides the
    /// rest, by their colours. Where nothing is certain background, or all is, the mask stays as the
    /// cells make it: empty where no cluster is salient, full where all are.
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
        // The same for each picture, whatever set it is in.
        var generator = Xoshiro256(seed: options.seed)
        return grabCut.labels(of: image, from: labels, using: &generator).map(\.isForeground)
    }
}
