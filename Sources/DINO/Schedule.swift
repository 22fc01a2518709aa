import Foundation
import Platform

/// A quantity that varies with the training step: a linear warm-up from 0 to `peak`, then half a cosine from `peak`
/// to `end` (Loshchilov and Hutter 2017; `cosine_scheduler` of utils.py).
///
///     heldSteps > step:    peak
///     warmupSteps > step:  peak * step / (warmupSteps - 1)
///     else:                end + (peak - end) / 2 * (1 + cos(pi * s)),
///                          s = (step - warmupSteps) / (steps - warmupSteps)
public struct CosineSchedule: Sendable, Codable, Hashable {
    /// The value at the end of the warm-up.
    public let peak: Double
    /// The value approached at the end of training.
    public let end: Double
    /// The number of steps of the training.
    public let steps: Int
    /// The number of steps of the warm-up; the last of them has the value `peak`.
    public let warmupSteps: Int
    /// The number of initial steps that have the value `peak`; warm-up and cosine count from the first step all the same.
    public let heldSteps: Int

    /// Creates a schedule.
    ///
    /// - Parameters:
    ///   - peak: the value at the end of the warm-up.
    ///   - end: the value approached at the end of training.
    ///   - steps: the number of steps of the training.
    ///   - warmupSteps: the number of steps of the warm-up.
    ///   - heldSteps: the number of initial steps that have the value `peak`.
    /// - Precondition: the warm-up is no longer than the training.
    public init(
        from peak: Double, to end: Double, steps: Int, warmupSteps: Int = 0, heldSteps: Int = 0
    ) {
        require(
            0 <= warmupSteps && warmupSteps <= steps,
            "CosineSchedule: a warm-up of \(warmupSteps) steps in \(steps)")
        self.peak = peak
        self.end = end
        self.steps = steps
        self.warmupSteps = warmupSteps
        self.heldSteps = heldSteps
    }

    /// The value at a step, counted from 0; `end` after the last.
    public subscript(step: Int) -> Double {
        if step < heldSteps { return peak }
        if step < warmupSteps {
            return warmupSteps > 1 ? peak * Double(step) / Double(warmupSteps - 1) : 0
        }
        guard step < steps else { return end }
        let share = Double(step - warmupSteps) / Double(steps - warmupSteps)
        return end + (peak - end) / 2 * (1 + cos(.pi * share))
    }
}

/// A quantity that varies with the epoch: linear from `start` to `end` over the first `warmupEpochs`, then `end`
/// (the teacher's temperature in `DINOLoss` of main_dino.py).
public struct LinearWarmup: Sendable, Codable, Hashable {
    /// The value in the first epoch.
    public var start: Double
    /// The value after the warm-up.
    public var end: Double
    /// The number of epochs of the warm-up.
    public var warmupEpochs: Int

    /// Creates a warm-up from its first and final values.
    public init(from start: Double, to end: Double, warmupEpochs: Int) {
        self.start = start
        self.end = end
        self.warmupEpochs = warmupEpochs
    }

    /// The value in an epoch, counted from 0.
    public subscript(epoch: Int) -> Double {
        guard epoch < warmupEpochs else { return end }
        return warmupEpochs > 1
            ? start + (end - start) * Double(epoch) / Double(warmupEpochs - 1) : start
    }
}
