import Descriptors
import Foundation
import Tensors
import Testing

@Suite struct PermutohedralLatticeTests {
    /// One row of values, filtered.
    private func filtered(_ values: [Float], by lattice: PermutohedralLattice) -> [Float] {
        let filter = LatticeFilter(lattice, groups: 1)
        filter.blur(values.map { FilterChannels(0, $0, 0, -$0) })
        var sums = [FilterChannels](repeating: FilterChannels(), count: values.count)
        filter.add(0..<values.count, group: 0, to: &sums)
        #expect(sums.allSatisfy { $0[0] == 0 && $0[1] == -$0[3] })
        return sums.map { $0[1] }
    }

    @Test(arguments: [1, 3, 6])
    func filterMatchesPydensecrf(dimensions: Int) throws {
        let fixture = try RefinementFixture()
        let features = try fixture["lattice.\(dimensions).features"]
        let values = try fixture["lattice.\(dimensions).values"]
        let expected = try fixture["lattice.\(dimensions).filtered"]
        let lattice = PermutohedralLattice(features: features)
        lattice.normalize(weight: 1)
        for row in 0..<3 {
            let input = values.rows(row..<row + 1).elements.map { 2 * $0 - 1 }
            // The expected values come from logarithms of single-precision probabilities.
            #expect(
                greatestDifference(
                    filtered(input, by: lattice), expected.rows(row..<row + 1).elements) < 2e-6)
        }
    }

    /// On a dense grid, where every vertex has points, the filter's means are close to those of the exact Gaussian.
    @Test func filterApproximatesGaussian() {
        let side = 41
        let step: Float = 0.2
        let count = side * side
        let points = (0..<count).map { (Float($0 % side) * step, Float($0 / side) * step) }
        let lattice = PermutohedralLattice(
            features: Tensor(points.map(\.0) + points.map(\.1), shape: [2, count]))
        let wave = points.map { cos($0.0 - 0.7 * $0.1) }
        let means = zip(filtered(wave, by: lattice), lattice.sums()).map { $0 / $1 }
        // Over all pairs of points.
        let exact = points.map { point in
            var (sum, total): (Float, Float) = (0, 0)
            for (other, value) in zip(points, wave) {
                let (x, y) = (point.0 - other.0, point.1 - other.1)
                let weight = exp(-(x * x + y * y) / 2)
                sum += weight * value
                total += weight
            }
            return sum / total
        }
        // The wave falls to 0.47 of its amplitude; with a deviation a fifth wider it would fall to 0.34.
        #expect(greatestDifference(means, exact) < 0.1)
    }

    /// With the smallest deviations that `DenseCRF` accepts.
    @Test(arguments: [(5_792, 5_792), (400_000, 83), (83, 400_000)])
    func verticesOfLargePicturesFitTheirIntegers(width: Int, height: Int) {
        let deviations = (
            place: DenseCRF.Bounds.deviation.range.lowerBound,
            colour: DenseCRF.Bounds.colourDeviation.range.lowerBound
        )
        let far = [Float(width - 1), Float(height - 1)].map { $0 / deviations.place }
        let extents: [Float] = far + Array(repeating: 255 / deviations.colour, count: 3)
        let corners: [Float] = extents.flatMap { extent -> [Float] in [0, extent] }
        let lattice = PermutohedralLattice(features: Tensor(corners, shape: [5, 2]))
        #expect(lattice.sums().count == 2)
    }

    @Test func normalizedSumsOfEqualPointsAreTheWeight() {
        // All points coincide: the normalised sum of ones is independent of their number.
        let lattice = PermutohedralLattice(features: Tensor(repeating: -3.3, shape: [5, 12]))
        lattice.normalize(weight: 2)
        for sum in lattice.sums() { #expect(abs(sum - 2) < 1e-5) }
    }
}
