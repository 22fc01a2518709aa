import Foundation

/// A mixture of Gaussians in the space of colours, with red, green and blue in 0…255.
package struct GaussianMixture: Sendable {
    /// The components that have colours, by ascending index.
    package private(set) var components: [Component] = []

    /// One Gaussian of the mixture.
    package struct Component: Sendable {
        /// Index among the components that colours were assigned to.
        package var index: Int32
        var centre: SIMD3<Float>
        /// Rows of the inverse L⁻¹ of the covariance's Cholesky factor: |L⁻¹ (colour - centre)| is the
        /// Mahalanobis distance.
        var rows: (SIMD3<Float>, SIMD3<Float>, SIMD3<Float>)
        /// Minus half the logarithm of the covariance's determinant.
        var constant: Float
        /// Logarithm of the component's share of the colours.
        var logWeight: Float
    }

    /// Sums over the colours of a component.
    package struct Moments {
        package init() {}

        var count = 0.0
        var sum = SIMD3<Double>()
        /// Sums of red², green² and blue².
        var squares = SIMD3<Double>()
        /// Sums of red * green, green * blue and blue * red.
        var products = SIMD3<Double>()

        @inline(__always)
        package mutating func add(_ colour: SIMD3<Double>) {
            count += 1
            sum += colour
            squares += colour * colour
            products += colour * SIMD3(colour.y, colour.z, colour.x)
        }
    }

    /// Fits a mixture to the moments of its components; components without colours are left out.
    ///
    /// As in OpenCV, 0.01 is added to the diagonal of a covariance whose determinant is at most 1e-6.
    package init(_ moments: [Moments]) {
        let total = moments.reduce(0) { $0 + $1.count }
        for (index, moments) in moments.enumerated() where moments.count > 0 {
            let mean = moments.sum / moments.count
            var variances = moments.squares / moments.count - mean * mean
            // Pairs: red and green, green and blue, blue and red.
            let covariances =
                moments.products / moments.count - mean * SIMD3(mean.y, mean.z, mean.x)
            func determinant() -> Double {
                let mixed =
                    variances * SIMD3(covariances.y, covariances.z, covariances.x)
                    * SIMD3(covariances.y, covariances.z, covariances.x)
                return variances.x * variances.y * variances.z - mixed.sum()
                    + 2 * covariances.x * covariances.y * covariances.z
            }
            if determinant() <= 1e-6 { variances += 0.01 }
            components.append(
                Component(
                    index: Int32(index), weight: moments.count / total, mean: mean,
                    variances: variances, covariances: covariances))
        }
    }
}

extension GaussianMixture.Component {
    fileprivate init(
        index: Int32, weight: Double, mean: SIMD3<Double>, variances: SIMD3<Double>,
        covariances: SIMD3<Double>
    ) {
        // Rounding of the sums may leave a pivot too small or negative.
        func root(_ pivot: Double) -> Double { max(pivot, 1e-6).squareRoot() }
        let l00 = root(variances.x)
        let l10 = covariances.x / l00
        let l20 = covariances.z / l00
        let l11 = root(variances.y - l10 * l10)
        let l21 = (covariances.y - l20 * l10) / l11
        let l22 = root(variances.z - l20 * l20 - l21 * l21)
        let w10 = -l10 / (l00 * l11)
        let w21 = -l21 / (l11 * l22)
        let w20 = -(l20 / l00 + l21 * w10) / l22
        self.init(
            index: index, centre: SIMD3<Float>(mean),
            rows: (
                SIMD3(Float(1 / l00), 0, 0), SIMD3(Float(w10), Float(1 / l11), 0),
                SIMD3(Float(w20), Float(w21), Float(1 / l22))
            ), constant: Float(-log(l00 * l11 * l22)), logWeight: Float(log(weight)))
    }
}

extension GaussianMixture {
    /// The mixture evaluated at eight colours.
    package struct Verdict {
        /// The component with the greatest density, regardless of its weight; the first on a tie.
        package var component = SIMD8<Int32>()
        /// The greatest log-density of a weighted component. The mixture's density is `sum * exp(top)`, up
        /// to a factor common to all mixtures.
        package var top = SIMD8<Float>(repeating: -.infinity)
        /// The mixture's density, divided by `exp(top)`.
        package var sum = SIMD8<Float>()
    }

    /// Evaluates the mixture at eight colours.
    ///
    /// - Parameters:
    ///   - red: 0…255; likewise `green` and `blue`.
    ///   - scratch: memory for one element per component.
    package func verdict(
        red: SIMD8<Float>, green: SIMD8<Float>, blue: SIMD8<Float>,
        scratch: UnsafeMutablePointer<SIMD8<Float>>
    ) -> Verdict {
        var verdict = Verdict()
        var greatest = Lanes(repeating: -.infinity)
        for place in 0..<components.count {
            let component = components[place]
            let density = component.logDensity(red: red, green: green, blue: blue)
            let greater = density .> greatest
            greatest.replace(with: density, where: greater)
            verdict.component.replace(with: component.index, where: greater)
            let share = density + component.logWeight
            scratch[place] = share
            verdict.top.replace(with: share, where: share .> verdict.top)
        }
        for place in 0..<components.count {
            verdict.sum += exponential(scratch[place] - verdict.top)
        }
        return verdict
    }
}

extension GaussianMixture.Component {
    @inline(__always)
    fileprivate func logDensity(red: Lanes, green: Lanes, blue: Lanes) -> Lanes {
        let (x, y, z) = (red - centre.x, green - centre.y, blue - centre.z)
        let first = x * rows.0.x
        let second = x * rows.1.x + y * rows.1.y
        let third = x * rows.2.x + y * rows.2.y + z * rows.2.z
        return constant - 0.5 * (first * first + second * second + third * third)
    }
}
