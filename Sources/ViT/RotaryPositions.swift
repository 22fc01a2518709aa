import Foundation
import Platform
import Tensors

/// The rotary positions of DINOv3: the queries and keys of each patch are rotated by angles proportional to the
/// position of its centre in the image (`DINOv3ViTRopePositionEmbedding` of transformers' modeling_dinov3_vit.py;
/// `RotaryEmbeddingDinoV3` of timm).
///
/// There are no learnt parameters, and any grid works: an image spans -1 to 1 along both axes, whatever its size
/// and aspect ratio.
public struct RotaryPositions: Sendable {
    /// The distance over which each pair of dimensions makes one turn: `headWidth / 4` periods.
    public var periods: [Float] {
        didSet { cache = GridCache() }
    }

    private var cache = GridCache<RotaryAngles>()

    /// Creates rotary positions from their periods, one for every four channels of a head.
    public init(periods: [Float]) {
        self.periods = periods
    }

    /// Creates periods from 1 to nearly `base` in geometric progression: `base ^ (i / (headWidth / 4))`.
    ///
    /// - Parameters:
    ///   - headWidth: the channels of a head.
    ///   - base: the limit of the periods; 100 in DINOv3.
    /// - Precondition: `headWidth` is a multiple of 4.
    public init(headWidth: Int, base: Float = 100) {
        require(
            headWidth % 4 == 0, "RotaryPositions: head width \(headWidth) is not a multiple of 4")
        self.init(
            periods: (0..<headWidth / 4).map { pow(base, Float($0) / Float(headWidth / 4)) })
    }

    /// The base from which the periods derive, though rounded to bfloat16 (by less than 1%); nil if there is none.
    var base: Float? {
        let count = periods.count
        var derived = count > 1 ? pow(periods[count - 1], Float(count) / Float(count - 1)) : 100
        if abs(derived - derived.rounded()) < 1e-4 * derived { derived.round() }
        return [100, derived].first { base in
            let exact = RotaryPositions(headWidth: 4 * count, base: base).periods
            return zip(periods, exact).allSatisfy { abs($0 - $1) < 0.01 * $1 }
        }
    }

    /// The positions as other tools compute them from the base, DINOv3's if there is none.
    var exact: RotaryPositions { RotaryPositions(headWidth: 4 * periods.count, base: base ?? 100) }

    /// The angles of a grid's patches, row by row, cached per grid: with `place = 2 (index + 0.5) / length - 1`
    /// along an axis, `2 pi place / period` for each period, first for the vertical axis, then for the horizontal
    /// one.
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

    /// Single precision, and the order of operations of the references.
    private func angles(at index: Int, of length: Int) -> [Float] {
        let place = 2 * ((Float(index) + 0.5) / Float(length)) - 1
        return periods.map { Float(2 * Double.pi) * place / $0 }
    }
}
