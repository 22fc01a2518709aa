import Images

/// What a pixel of a creature's picture shows; the raw value is the mask's.
package enum Part: UInt8, CaseIterable, Sendable {
    case background, body, head, legs, tail, ears

    package var name: String { "\(self)" }
}

/// A place that means the same in every kind of creature.
///
/// The near side is the one that faces the viewer, wherever the creature looks.
package enum Keypoint: String, CaseIterable, Sendable, Codable, CodingKeyRepresentable {
    case eye, nose, earTip, neckBase, back, belly, tailBase, tailTip
    case nearFrontKnee, nearFrontFoot, nearBackKnee, nearBackFoot
    case farFrontKnee, farFrontFoot, farBackKnee, farBackFoot

    /// The part of the mask that the place lies on.
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

/// A rectangle in pixels from the picture's left and upper edge.
package struct Bounds: Sendable, Hashable, Codable {
    package var x: Double
    package var y: Double
    package var width: Double
    package var height: Double

    package init(x: Double, y: Double, width: Double, height: Double) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }
}

/// Which way a creature looks.
package enum Side: String, Sendable, Codable {
    case left, right
}

extension Part {
    /// A colour for each part, in which masks are shown.
    package static let palette = [
        Colour(0x15171C), Colour(0x4E9F6D), Colour(0xE8A33D), Colour(0x4A7FC1), Colour(0xB05CC6),
        Colour(0xE2574C),
    ]
}
