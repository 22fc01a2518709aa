import Images
import Tensors
import ViT

// The asynchronous forms: they compute on separate threads (see `Parallelism.background`), so that other tasks can run.
// A call that is cancelled while it waits for a thread ends when its turn comes.

extension Extractor {
    /// Extracts the features of a resized picture without holding a thread of the cooperative pool.
    ///
    /// - Throws: `ExtractionError`; `cancelled` before the network's next block if the task is cancelled.
    public func features(
        of input: NetworkImage, at taps: [FeatureTap]
    ) async throws(ExtractionError) -> (features: Features, geometry: DescriptorGrid.Geometry) {
        try await Parallelism.background { () throws(ExtractionError) in
            try features(of: input, at: taps)
        }
    }

    /// Extracts descriptors and saliency of a photo without holding a thread of the cooperative pool.
    ///
    /// - Throws: `ExtractionError`; `cancelled` before the network's next block if the task is cancelled.
    public func imageFeatures(
        of photo: Image
    ) async throws(ExtractionError) -> ImageFeatures {
        try await Parallelism.background { () throws(ExtractionError) in
            try imageFeatures(of: photo)
        }
    }

    /// Extracts the descriptors of a photo without holding a thread of the cooperative pool.
    ///
    /// - Throws: `ExtractionError`; `cancelled` before the network's next block if the task is cancelled.
    public func descriptors(of photo: Image) async throws(ExtractionError) -> DescriptorGrid {
        try await Parallelism.background { () throws(ExtractionError) in
            try descriptors(of: photo)
        }
    }

    /// Extracts the descriptors of several photos without holding a thread of the cooperative pool.
    ///
    /// - Throws: `ExtractionError`; `cancelled` before the network's next block if the task is cancelled.
    public func descriptors(of photos: [Image]) async throws(ExtractionError) -> [DescriptorGrid] {
        try await Parallelism.background { () throws(ExtractionError) in
            try descriptors(of: photos)
        }
    }

    /// Extracts the saliency of a photo's patches without holding a thread of the cooperative pool.
    ///
    /// - Throws: `ExtractionError`; `cancelled` before the network's next block if the task is cancelled.
    public func saliency(of photo: Image) async throws(ExtractionError) -> SaliencyMap {
        try await Parallelism.background { () throws(ExtractionError) in
            try saliency(of: photo)
        }
    }

    /// Computes the embedding of a photo without holding a thread of the cooperative pool.
    ///
    /// - Throws: `ExtractionError`; `cancelled` before the network's next block if the task is cancelled.
    public func embedding(
        of photo: Image, view: CentreView = CentreView()
    ) async throws(ExtractionError) -> Tensor {
        try await Parallelism.background { () throws(ExtractionError) in
            try embedding(of: photo, view: view)
        }
    }

    /// Computes the embeddings of several photos without holding a thread of the cooperative pool.
    ///
    /// - Throws: `ExtractionError`; `cancelled` before the network's next block if the task is cancelled.
    public func embeddings(
        of photos: [Image], view: CentreView = CentreView()
    ) async throws(ExtractionError) -> Tensor {
        try await Parallelism.background { () throws(ExtractionError) in
            try embeddings(of: photos, view: view)
        }
    }
}

/// Finds pairs of corresponding points in two photos without holding a thread of the cooperative pool.
///
/// - Throws: `ExtractionError`; `cancelled` before the network's next block if the task is cancelled.
public func correspondences(
    between a: Image, and b: Image, using model: any Backbone,
    options: Correspondences.Options = Correspondences.Options()
) async throws(ExtractionError) -> Correspondences {
    try await Parallelism.background { () throws(ExtractionError) in
        try correspondences(between: a, and: b, using: model, options: options)
    }
}
