import Platform
import Tensors

/// The crops of a batch of pictures: what one step of training looks at.
public struct MultiCropBatch: Sendable {
    /// The large crops, which student and teacher see: for each of a picture's, normalised,
    /// `[batch, 3, side, side]`.
    public var globals: [Tensor]
    /// The small crops, which the student alone sees; of the same form.
    public var locals: [Tensor]

    public init(globals: [Tensor], locals: [Tensor]) {
        let batch = globals.first?.shape[0]
        require(
            (globals + locals).allSatisfy { $0.shape.rank == 4 && $0.shape[0] == batch },
            "MultiCropBatch: crops \((globals + locals).map(\.shape)) of one batch")
        self.globals = globals
        self.locals = locals
    }

    /// The number of pictures.
    public var count: Int { globals.first?.shape[0] ?? 0 }
}
