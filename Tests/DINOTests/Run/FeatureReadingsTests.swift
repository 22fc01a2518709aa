import DINO
import Tensors
import Testing

@Suite struct FeatureReadingsTests {
    /// The matrix from which numpy's `linalg.svd` computed the expected values.
    private func features(_ rows: Int, _ width: Int) -> Tensor {
        Tensor(
            (0..<rows * width).map { index in
                let (i, j) = (index / width, index % width)
                return Float((7 * i + 3 * j * j + i * j) % 11 - 4)
            }, shape: [rows, width])
    }

    @Test func rankAndDeviationMatchNumPy() {
        // Singular values are computed from a Gram matrix, so that one of 0 has an error of 1e-8 times the largest;
        // the deviation of float32 numbers is computed in double precision.
        let wide = FeatureReadings(of: features(5, 7))
        #expect(abs(wide.rank - 4.298890130429919) < 1e-6)
        #expect(abs(wide.deviation - 0.9521077358458888) < 1e-12)
        let tall = FeatureReadings(of: features(7, 5))
        #expect(abs(tall.rank - 3.8720416393741366) < 1e-5)
        #expect(abs(tall.deviation - 0.9353825810033107) < 1e-12)
    }

    /// A matrix with NaN has no singular values.
    @Test func singularValuesMatchNumPy() throws {
        let expected = [
            12.05690126014857, 10.669028738041122, 6.769949949114009, 3.381134420306169,
            2.557081443402343,
        ]
        let values = try #require(features(5, 7).singularValues())
        #expect(values.count == expected.count)
        for (value, expected) in zip(values, expected) { #expect(abs(value - expected) < 1e-12) }
        let broken = Tensor([1, .nan, 3, 4], shape: [2, 2])
        #expect(broken.singularValues() == nil && FeatureReadings(of: broken).rank.isNaN)
    }

    @Test func rankIsNumberOfDirections() {
        // Equal features, then features of different lengths in one direction.
        let same = Tensor((0..<12).map { Float($0 % 4) + 0.3 }, shape: [3, 4])
        #expect(abs(FeatureReadings(of: same).rank - 1) < 1e-6)
        #expect(FeatureReadings(of: same).deviation == 0)
        let line = Tensor([0, 1, 2, 3, 0, 2, 4, 6, 0, 3, 6, 9], shape: [3, 4])
        #expect(abs(FeatureReadings(of: line).rank - 1) < 1e-6)
        #expect(FeatureReadings(of: line).deviation < 1e-7)
        // Orthogonal features: the rank is their number.
        let identity = Tensor((0..<36).map { $0 % 7 == 0 ? 1 : 0 }, shape: [6, 6])
        #expect(abs(FeatureReadings(of: identity).rank - 6) < 1e-9)
        #expect(FeatureReadings(of: Tensor(repeating: 0, shape: [3, 4])).rank == 1)
    }

    @Test func blankPicturesHaveNoContrast() {
        let black = Tensor(repeating: -2.1, shape: [4, 3, 5, 5])
        #expect(FeatureReadings.contrast(of: black) == 0)
        // Half of the pixels 0, half 2: a deviation of 1 in every plane.
        let striped = Tensor((0..<192).map { $0 % 2 == 0 ? 0 : 2 }, shape: [4, 3, 4, 4])
        #expect(abs(FeatureReadings.contrast(of: striped) - 1) < 1e-12)
    }
}
