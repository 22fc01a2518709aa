import Foundation
import Tensors
import Testing

/// Custom operations, and `gradientErrors`, which checks their gradients.
@Suite struct GradientErrorsTests {
    private let x = Tensor([-1, -0.5, 0.25, 1.5], shape: [2, 2])

    private static func sigmoid(_ x: Tensor, factor: Float = 1) -> Tensor {
        .custom(inputs: [x]) { inputs in
            Tensor(inputs[0].elements.map { 1 / (1 + exp(-$0)) }, shape: inputs[0].shape)
        } pullback: { _, value, gradient in
            [(gradient * (value - value.squared())).scaled(by: factor)]
        }
    }

    @Test func customOperationUsesItsPullback() {
        checkGradient(at: [x]) { Self.sigmoid($0[0]) }
        checkGradient(at: [x, x.scaled(by: 0.5)]) { inputs in
            Tensor.custom(inputs: inputs) {
                $0[0] * $0[1]
            } pullback: { inputs, _, gradient in
                [gradient * inputs[1], gradient * inputs[0]]
            }
            .scaled(by: 2) * Self.sigmoid(inputs[1])
        }
    }

    @Test func gradientErrorsDetectWrongAndMissingGradients() {
        let half = gradientErrors(at: [x]) { Self.sigmoid($0[0], factor: 0.5) }
        #expect(abs(half[0] - 0.5) < 1e-3)
        let missing = gradientErrors(at: [x, x]) { inputs in
            .custom(inputs: inputs) {
                $0[0] + $0[1]
            } pullback: {
                [$2, nil]
            }
        }
        #expect(missing[0] < 1e-4 && missing[1] == .infinity)
        #expect(gradientErrors(at: [x]) { $0[0].untracked } == [.infinity])
    }

    @Test func untrackedInputsRecordNothing() {
        #expect(!Self.sigmoid(x).isTracked)
        #expect(Self.sigmoid(Tensor([0], shape: [1])).elements == [0.5])
    }
}
