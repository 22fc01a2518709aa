import Platform
import Tensors
import ViT

/// The crops of a batch of pictures: the input of one training step.
public struct MultiCropBatch: Sendable {
    /// The large crops, seen by student and teacher: one normalised tensor `[batch, 3, side, side]` per view.
    public var globals: [Tensor]
    /// The small crops, seen only by the student; same layout as `globals`.
    public var locals: [Tensor]

    /// The feature teacher's vectors for each view, large crops first; empty if there are none.
    public var features: [TeacherFeatures]

    /// The masked patches of each large crop, which are hidden from the student; empty if none are masked.
    public var masks: [PatchMask]

    /// Creates a batch from its crops.
    ///
    /// - Parameters:
    ///   - globals: the large crops, one tensor `[batch, 3, side, side]` per view.
    ///   - locals: the small crops, likewise.
    ///   - features: the feature teacher's vectors, one entry per view, or none.
    ///   - masks: the masked patches, one entry per large view, or none.
    /// - Precondition: all views have the same number of pictures.
    public init(
        globals: [Tensor], locals: [Tensor], features: [TeacherFeatures] = [],
        masks: [PatchMask] = []
    ) {
        let batch = globals.first?.shape[0]
        require(
            (globals + locals).allSatisfy { $0.shape.rank == 4 && $0.shape[0] == batch },
            "MultiCropBatch: crops \((globals + locals).map(\.shape)) are not of one batch")
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
