import Tensors
import Testing

/// `withUnsafePointers`: what is written, and that the memory stays alive.
@Suite struct PointerTests {
    @Test func writingLeavesCopiesUnchanged() {
        var tensor = Tensor([1, 2, 3, 4], shape: [2, 2])
        let copy = tensor
        var lastRow = tensor.rows(1..<2)
        withUnsafePointers(writing: &tensor, &lastRow, reading: copy) { first, second, source in
            first[0] = 10 * source[3]
            second[1] = 20
        }
        #expect(tensor.elements == [40, 2, 3, 4])
        #expect(lastRow.elements == [3, 20])
        #expect(copy.elements == [1, 2, 3, 4])
    }

    @Test func ownedMemoryIsWrittenInPlace() {
        var tensor = Tensor([1, 2], shape: [2])
        let before = withUnsafePointers(reading: tensor) { UInt(bitPattern: $0) }
        let during = withUnsafePointers(writing: &tensor) { UInt(bitPattern: $0) }
        #expect(before == during)
    }

    /// A freed block would be handed out again at once: the pool gives the latest first.
    @Test func memoryOutlivesItsLastOwnerUntilTheEnd() {
        func rowOfTwos() -> Tensor { Tensor(repeating: 2, shape: [1 << 12]) }
        withUnsafePointers(reading: rowOfTwos(), Storage(count: 1 << 12)) { tensor, scratch in
            scratch.update(from: tensor, count: 1 << 12)
            for _ in 0..<8 {
                let other = Tensor(repeating: 7, shape: [1 << 12])
                withUnsafePointers(reading: other) {
                    #expect($0 != tensor && $0 != UnsafePointer(scratch))
                }
            }
            #expect(tensor[99] == 2 && scratch[99] == 2)
        }
    }

    @Test func pointersOfOptionalsAndArraysHaveTheirForm() {
        let (absent, present): (Tensor?, Tensor?) = (nil, Tensor([5], shape: [1]))
        let rows = [Tensor([6], shape: [1]), Tensor([7], shape: [1])]
        withUnsafePointers(reading: absent, present, rows) { absent, present, rows in
            #expect(absent == nil && present?[0] == 5)
            #expect(rows.map { $0[0] } == [6, 7])
        }
    }
}
