import Images

/// The part of a creature that a pixel shows; the raw value is that of the mask.
package enum Part: UInt8, CaseIterable, Sendable {
    case background, body, head, legs, tail, ears

    /// The part's name.
    package var name: String { "\(self)" }
}

/// A keypoint, which corresponds between all kinds of creatures.
///
/// The near side is the one that faces the viewer, whatever the creature's direction.
package enum Keypoint: String, CaseIterable, Sendable, Codable, CodingKeyRepresentable {
    case eye, nose, earTip, neckBase, back, belly, tailBase, tailTip
    case nearFrontKnee, nearFrontFoot, nearBackKnee, nearBackFoot
    case farFrontKnee, farFrontFoot, farBackKnee, farBackFoot

    /// The part that the keypoint lies on.
    package var part: Part {
        switch self {
        case .eye, .nose: .head
        case .earTip: .ears
        case .neckBase, .back, .belly: .body
        case .tailBase, .tailTip: .tail
        case .nearFrontKnee, .nearFrontFoot, .nearBackKnee, .nearBackFoot, .farFrontKnee,
            .farFrontFoot, .farBackKnee, .farBackFoot:
            .legs
        }
    }
}

/// A rectangle in pixels.
package struct Bounds: Sendable, Hashable, Codable {
    /// Distance of the left side from the picture's left edge.
    package var x: Double
    /// Distance of the upper side from the picture's upper edge.
    package var y: Double
    /// Width in pixels.
    package var width: Double
    /// Height in pixels.
    package var height: Double

    package init(x: Double, y: Double, width: Double, height: Double) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }
}

/// The direction that a creature faces.
package enum Side: String, Sendable, Codable {
    case left, right
}

extension Part {
    /// The colours of the parts in masks.
    package static let palette = [
        Colour(0x15171C), Colour(0x4E9F6D), Colour(0xE8A33D), Colour(0x4A7FC1), Colour(0xB05CC6),
        Colour(0xE2574C),
    ]
}
