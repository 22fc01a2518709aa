import Images
import Tensors
import ViT

extension Extractor {
    /// The embedding of a photo as a whole: the class token after the last norm. Photos are compared by the cosines of
    /// their embeddings. The extractor's load size, stride and features have no effect.
    ///
    /// - Parameters:
    ///   - photo: the photo, of any size.
    ///   - view: the part of it that the network sees: by default the central 224 pixels of the photo resized to 256, as in
    ///     DINO's evaluation.
    /// - Returns: `[width]`.
    /// - Throws: ``ExtractionError``.
    public func embedding(
        of photo: Image, view: CentreView = CentreView()
    ) throws(ExtractionError) -> Tensor {
        let row = try embeddings(of: [photo], view: view)
        return row.reshaped(to: [row.count])
    }

    /// The embeddings of several photos, as by ``embedding(of:view:)-495sc``, computed in batches.
    ///
    /// - Returns: `[photos, width]`.
    /// - Throws: ``ExtractionError``.
    /// - Complexity: a pass for each photo; memory for the activations of a few thousand tokens.
    public func embeddings(
        of photos: [Image], view: CentreView = CentreView()
    ) throws(ExtractionError) -> Tensor {
        let (configuration, side) = (model.configuration, view.cropSize)
        let grid = try grid(
            width: side, height: side, stride: PatchStride(configuration.patchSize))
        var inputs: [Tensor] = []
        var parts: [Tensor] = []
        let tap = FeatureTap(layer: -1, facet: .embedding)
        let batch = TokenLayout(grid: grid).imagesPerBatch
        for (index, photo) in photos.enumerated() {
            do {
                inputs.append(
                    try view.tensor(
                        of: photo, for: configuration, normalization: preprocessing.normalization
                    ).reshaped(to: [1, 3, side, side]))
            } catch {
                throw .preprocessing(error)
            }
            if inputs.count == batch || index == photos.count - 1 {
                parts.append(
                    try features(of: .concatenated(inputs), at: [tap], stride: nil)[tap])
                inputs = []
            }
        }
        guard !parts.isEmpty else { return Tensor([], shape: [0, configuration.width]) }
        let embeddings = Tensor.concatenated(parts)
        guard embeddings.isFinite else {
            throw .notFinite(tap)
        }
        return embeddings
    }
}
