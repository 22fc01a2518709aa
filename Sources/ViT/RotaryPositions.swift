import Foundation
import Platform
import Tensors

/// The rotary positions of DINOv3: each patch turns its queries and keys by angles that grow with the place of its
/// centre in the image (`DINOv3ViTRopePositionEmbedding` of transformers' modeling_dinov3_vit.py;
/// `RotaryEmbeddingDinoV3` of timm).
///
/// Nothing of it is learnt, and it takes any grid: an image reaches from -1 to 1 along both axes, whatever its
/// size and form.
public struct RotaryPositions: Sendable {
    /// The distances over which a pair of dimensions makes one turn, `headWidth / 4` of them.
    public var periods: [Float] {
        didSet { cache = GridCache() }
    }

    private var cache = GridCache<RotaryAngles>()

    public init(periods: [Float]) {
        self.periods = periods
    }

    /// Periods from 1 to nearly `base`, in equal ratios: `base ^ (i / (headWidth / 4))`.
    ///
    /// - Precondition: `headWidth` is a multiple of 4.
    public init(headWidth: Int, base: Float = 100) {
        require(headWidth % 4 == 0, "RotaryPositions: a head of \(headWidth), not a multiple of 4")
        self.init(
            periods: (0..<headWidth / 4).map { pow(base, Float($0) / Float(headWidth / 4)) })
    }

    /// The angles of a grid's patches, row by row, computed once for each grid and kept: with
    /// `place = 2 (index + 0.5) / length - 1` along an axis, `2 pi place / period` for each period down
    /// the image and then for each across it.
    ///
    /// - Returns: `[rows * columns, headWidth / 2]`.
    public func angles(on grid: PatchGrid) -> RotaryAngles {
        cache.value(for: grid) {
            let down = (0..<grid.rows).map { angles(at: $0, of: grid.rows) }
            let across = (0..<grid.columns).map { angles(at: $0, of: grid.columns) }
            let both = down.flatMap { row in across.flatMap { row + $0 } }
            let shape: Shape = [grid.count, 2 * periods.count]
            return RotaryAngles(
                cosines: Tensor(both.map { cos($0) }, shape: shape),
                sines: Tensor(both.map { sin($0) }, shape: shape))
        }
    }

    /// In single precision and in the references' order.
    private func angles(at index: Int, of length: Int) -> [Float] {
        let place = 2 * ((Float(index) + 0.5) / Float(length)) - 1
        return periods.map { Float(2 * Double.pi) * place / $0 }
    }
}
