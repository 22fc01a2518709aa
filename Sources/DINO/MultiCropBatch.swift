import Platform
import Tensors
import ViT

/// The crops of a batch of pictures: what one step of training looks at.
public struct MultiCropBatch: Sendable {
    /// The large crops, which student and teacher see: for each of a picture's, normalised,
    /// `[batch, 3, side, side]`.
    public var globals: [Tensor]
    /// The small crops, which the student alone sees; of the same form.
    public var locals: [Tensor]

    /// What a teacher's maps give for each view, the large crops first; empty where there are none.
    public var features: [TeacherFeatures]

    /// Of each large crop's patches those that the student is not shown; empty where none are masked.
    public var masks: [PatchMask]

    public init(
        globals: [Tensor], locals: [Tensor], features: [TeacherFeatures] = [],
        masks: [PatchMask] = []
    ) {
        let batch = globals.first?.shape[0]
        require(
            (globals + locals).allSatisfy { $0.shape.rank == 4 && $0.shape[0] == batch },
            "MultiCropBatch: crops \((globals + locals).map(\.shape)) of one batch")
        require(
            features.isEmpty || features.count == globals.count + locals.count,
            "MultiCropBatch: features of \(features.count) views")
        require(
            masks.isEmpty
                || masks.count == globals.count && masks.allSatisfy { $0.patches.count == batch },
            "MultiCropBatch: masks of \(masks.count) views")
        self.masks = masks
        self.globals = globals
        self.locals = locals
        self.features = features
    }

    /// The number of pictures.
    public var count: Int { globals.first?.shape[0] ?? 0 }
}
