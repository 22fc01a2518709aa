import Tensors
import Testing

@Suite struct TensorTests {
    private let counted = Tensor((0..<24).map(Float.init), shape: [4, 3, 2])

    @Test func writingLeavesCopiesUnchanged() {
        var changed = counted
        #expect(changed.address == counted.address)
        changed.withUnsafeMutableElements { $0[5] = -1 }
        #expect(changed[0, 2, 1] == -1)
        #expect(counted[0, 2, 1] == 5)
        #expect(changed.address != counted.address)

        // Now it is uniquely referenced, so it is changed in place.
        let address = changed.address
        changed.withUnsafeMutableElements { $0[6] = -2 }
        #expect(changed.address == address)
        var expected = counted.elements
        expected[5...6] = [-1, -2]
        #expect(changed.elements == expected)
    }

    @Test func rowsShareElementsUntilWritten() {
        var rows = counted.rows(1..<3)
        #expect(rows.shape == [2, 3, 2])
        #expect(rows.address == counted.address + UInt(6 * MemoryLayout<Float>.stride))
        #expect(rows.elements == Array(stride(from: 6, to: 18, by: 1)))
        #expect(rows.rows(1..<2).elements == [12, 13, 14, 15, 16, 17])
        #expect(counted.rows(4..<4).shape == [0, 3, 2])

        rows.withUnsafeMutableElements { elements in
            #expect(elements.count == 12)
            for i in elements.indices { elements[i] = 0 }
        }
        #expect(rows == Tensor(repeating: 0, shape: [2, 3, 2]))
        #expect(counted.elements == Array(stride(from: 0, to: 24, by: 1)))
    }

    @Test func rowsThatOutliveTheirTensorWriteNothingElse() {
        var rows = Tensor((0..<10).map(Float.init), shape: [5, 2]).rows(2..<4)
        let before = rows
        rows.withUnsafeMutableElements { $0[0] = 9 }
        #expect(rows.elements == [9, 5, 6, 7])
        #expect(before.elements == [4, 5, 6, 7])
    }

    @Test func reshapedTensorSharesElements() {
        var reshaped = counted.reshaped(to: [2, 12])
        #expect(reshaped.address == counted.address)
        #expect(reshaped[1, 0] == 12)
        reshaped.withUnsafeMutableElements { $0[0] = 1 }
        #expect(counted[0, 0, 0] == 0)
    }

    @Test func columnsAndSlicesCopyTheirPart() {
        let columns = counted.columns(1..<2)
        #expect(columns.shape == [4, 3, 1])
        #expect(columns.elements == Array(stride(from: 1, to: 24, by: 2)))
        let slices = counted.slices(at: 2)
        #expect(slices.shape == [4, 2])
        #expect(slices.elements == [4, 5, 10, 11, 16, 17, 22, 23])
    }

    @Test func equalityComparesShapeAndElements() {
        #expect(counted == Tensor((0..<24).map(Float.init), shape: [4, 3, 2]))
        #expect(counted != counted.reshaped(to: [3, 4, 2]))
        #expect(Tensor([1], shape: []) != Tensor([1], shape: [1]))
        #expect(Tensor([.nan], shape: [1]) != Tensor([.nan], shape: [1]))
    }

    @Test func shapeHasCountRankExtentsAndDescription() {
        let shape: Shape = [4, 3, 2]
        #expect(shape.count == 24)
        #expect(shape.rank == 3)
        #expect(shape[0] == 4)
        #expect(shape[-1] == 2)
        #expect("\(shape)" == "4x3x2")
        #expect(Shape([]).count == 1)
        #expect("\(Shape([]))" == "scalar")
        #expect(Shape([0, 5]).count == 0)
    }
}
