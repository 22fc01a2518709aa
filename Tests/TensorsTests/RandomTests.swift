import Tensors
import Testing

@Suite struct RandomTests {
    /// Output of the authors' C code for seed 1234567 (splitmix64.c).
    @Test func splitMixMatchesReferenceCode() {
        var generator = SplitMix64(seed: 1_234_567)
        #expect(
            (0..<5).map { _ in generator.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    /// Output of the authors' C code for the state 1, 2, 3, 4 (xoshiro256starstar.c).
    @Test func xoshiroMatchesReferenceCode() {
        var generator = Xoshiro256(state: (1, 2, 3, 4))
        #expect(
            (0..<6).map { _ in generator.next() } == [
                11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360,
                607_988_272_756_665_600,
            ])
    }

    @Test func drawsAreInRangeAndUniform() {
        var generator = Xoshiro256(seed: 7)
        var counts = [Int](repeating: 0, count: 10)
        var sum = 0.0
        for _ in 0..<10_000 {
            let number = generator.nextUniform()
            #expect(0 <= number && number < 1)
            sum += number
            counts[generator.nextIndex(below: 10)] += 1
        }
        // Five standard deviations: sqrt(10,000 / 12) of the sum, sqrt(10,000 * 0.09) of a count.
        #expect(abs(sum - 5_000) < 145)
        #expect(counts.allSatisfy { abs($0 - 1_000) < 150 })
    }
}
