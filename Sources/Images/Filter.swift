import Foundation

/// A resampling filter: the weights of the source pixels around a resampled one.
///
/// When a picture shrinks, every filter except `nearest` is widened by the scale, so that each source pixel contributes
/// (antialiasing). The formulas are Pillow's.
public enum Filter: String, Sendable, Hashable, Codable, CaseIterable {
    /// The one pixel under the centre.
    case nearest
    /// The mean of the pixels covered.
    case box
    /// A triangle: two pixels when a picture grows.
    case bilinear
    /// Keys' cubic with a = -0.5: four pixels when a picture grows.
    case bicubic
    /// A sinc windowed by a sinc three times as wide: six pixels when a picture grows.
    case lanczos

    /// Half the filter's width in source pixels, when a picture grows.
    var support: Double {
        switch self {
        case .nearest: 0
        case .box: 0.5
        case .bilinear: 1
        case .bicubic: 2
        case .lanczos: 3
        }
    }

    /// The weight, before normalisation, at distance `x` from the centre.
    func weight(_ x: Double) -> Double {
        switch self {
        case .nearest: return 0
        case .box: return x > -0.5 && x <= 0.5 ? 1 : 0
        case .bilinear: return max(0, 1 - abs(x))
        case .bicubic:
            let a = -0.5
            let x = abs(x)
            if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
            if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
            return 0
        case .lanczos:
            return -3 <= x && x < 3 ? sineCardinal(x) * sineCardinal(x / 3) : 0
        }
    }
}

private func sineCardinal(_ x: Double) -> Double {
    x == 0 ? 1 : sin(x * .pi) / (x * .pi)
}
