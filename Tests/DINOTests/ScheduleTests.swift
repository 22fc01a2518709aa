import DINO
import Foundation
import Testing

@Suite struct ScheduleTests {
    @Test func cosineWithWarmUpMatchesNumPy() {
        // utils.cosine_scheduler(0.5, 0.1, epochs=2, niter_per_ep=5, warmup_epochs=1).
        let expected = [
            0, 0.125, 0.25, 0.375, 0.5, 0.5, 0.4618033988749895, 0.36180339887498947,
            0.23819660112501053, 0.13819660112501053,
        ]
        let schedule = CosineSchedule(from: 0.5, to: 0.1, steps: 10, warmupSteps: 5)
        for (step, value) in expected.enumerated() {
            #expect(abs(schedule[step] - value) < 1e-15)
        }
        #expect(schedule[10] == 0.1)
        let plain = CosineSchedule(from: 0.04, to: 0.4, steps: 4)
        #expect(abs(plain[0] - 0.04) < 1e-15)
        #expect(abs(plain[2] - 0.22) < 1e-15)
        // np.linspace(0, peak, 1) has only its start.
        #expect(CosineSchedule(from: 2, to: 1, steps: 3, warmupSteps: 1)[0] == 0)

        let held = CosineSchedule(from: 0.5, to: 0.1, steps: 10, warmupSteps: 5, heldSteps: 2)
        #expect((0..<2).allSatisfy { held[$0] == 0.5 })
        #expect((2..<10).allSatisfy { held[$0] == schedule[$0] })
    }

    @Test func linearWarmUpMatchesNumPy() {
        // np.concatenate((np.linspace(0.04, 0.07, 4), np.ones(2) * 0.07))
        let schedule = LinearWarmup(from: 0.04, to: 0.07, warmupEpochs: 4)
        for (epoch, value) in [0.04, 0.05, 0.06, 0.07, 0.07, 0.07].enumerated() {
            #expect(abs(schedule[epoch] - value) < 1e-15)
        }
        #expect(LinearWarmup(from: 0.04, to: 0.07, warmupEpochs: 1)[0] == 0.04)
        #expect(LinearWarmup(from: 0.04, to: 0.07, warmupEpochs: 0)[0] == 0.07)
    }
}
