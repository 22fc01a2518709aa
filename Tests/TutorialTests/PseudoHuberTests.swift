import Tensors
import Testing

// Step 1: check the derivative.
@Test func pseudoHuberGradientMatchesCentralDifferences() {
    let x = Tensor([-3, -0.5, 0.1, 0.5, 3], shape: [5])
    let errors = gradientErrors(at: [x]) { $0[0].pseudoHuber() }
    #expect(errors.allSatisfy { $0 < 1e-3 })
}
