/// Whose way positions are brought to a grid that the network was not trained on. The tools that open the same
/// files differ, and with them their features.
public enum PositionRule: String, Hashable, Sendable, Codable, CaseIterable {
    /// The published code's: `PositionResampling.scaleFactor`, of a network with registers `.antialiased`;
    /// of rotary positions the periods that the file has.
    case official
    /// transformers': `.size`, of a network with registers `.antialiased`; exact periods.
    case transformers
    /// timm's: `.antialiased`, exact periods.
    case timm
}

extension VisionTransformer {
    /// Takes another tool's positions.
    public mutating func followPositions(of rule: PositionRule) {
        positionEncoding?.resampling = .of(rule, configuration)
        guard case .rotary(let periods) = configuration.positions else { return }
        rotaryPositions =
            rule == .official
            ? RotaryPositions(periods: periods)
            : RotaryPositions(headWidth: configuration.headWidth)
    }
}

extension VisionTransformer {
    /// Whether it has rotary positions with other periods than those that other tools compute.
    public var hasRoundedPeriods: Bool {
        guard case .rotary(let periods) = configuration.positions else { return false }
        return periods != RotaryPositions(headWidth: configuration.headWidth).periods
    }
}

extension PositionResampling {
    static func of(
        _ rule: PositionRule, _ configuration: VisionTransformer.Configuration
    ) -> PositionResampling {
        switch rule {
        case _ where configuration.registers > 0: .antialiased
        case .official: .scaleFactor
        case .transformers: .size
        case .timm: .antialiased
        }
    }
}
