/// Which tool's positions to use on grids that a network was not trained on. Tools that open the same files differ
/// here, and so do their features.
public enum PositionRule: String, Hashable, Sendable, Codable, CaseIterable {
    /// The published code's: `PositionResampling.scaleFactor`, for networks with registers `.antialiased`; rotary
    /// periods as stored in the file.
    case official
    /// transformers': `.size`, for networks with registers `.antialiased`; exact rotary periods.
    case transformers
    /// timm's: `.antialiased`; exact rotary periods.
    case timm
}

extension VisionTransformer {
    /// Makes the network compute positions as another tool does.
    public mutating func followPositions(of rule: PositionRule) {
        positionEncoding?.resampling = .of(rule, configuration)
        guard case .rotary(let periods) = configuration.positions else { return }
        rotaryPositions =
            rule == .official
            ? RotaryPositions(periods: periods)
            : RotaryPositions(periods: periods).exact
    }
}

extension VisionTransformer {
    /// Whether the network has rotary positions whose periods differ from the exact ones that other tools compute.
    public var hasRoundedPeriods: Bool {
        guard case .rotary(let periods) = configuration.positions else { return false }
        return periods != RotaryPositions(periods: periods).exact.periods
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
