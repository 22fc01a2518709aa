import DINO
import Tensors
import Testing

@Suite struct MultiCropBatchTests {
    @Test func countsPictures() {
        let batch = MultiCropBatch(
            globals: [Tensor(repeating: 0, shape: [3, 3, 8, 8])],
            locals: [Tensor(repeating: 0, shape: [3, 3, 4, 4])])
        #expect(batch.count == 3)
    }
}
