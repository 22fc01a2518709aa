extension Tensor {
    /// Normally distributed random elements, drawn in order: the same generator gives the same bits.
    ///
    /// - Complexity: O(count).
    public static func normal(
        _ shape: Shape, mean: Double = 0, deviation: Double = 1,
        using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        Tensor(shape: shape) { elements in
            for i in elements.indices {
                elements[i] = Float(mean + deviation * generator.nextNormal())
            }
        }
    }

    /// Uniformly distributed random elements, drawn in order: the same generator gives the same bits.
    ///
    /// - Complexity: O(count).
    public static func uniform(
        _ shape: Shape, in range: ClosedRange<Double> = 0...1,
        using generator: inout some RandomNumberGenerator
    ) -> Tensor {
        let length = range.upperBound - range.lowerBound
        return Tensor(shape: shape) { elements in
            for i in elements.indices {
                elements[i] = Float(range.lowerBound + length * generator.nextUniform())
            }
        }
    }
}
