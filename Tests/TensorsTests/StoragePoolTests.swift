import Tensors
import Testing

@Suite struct StoragePoolTests {
    @Test func capacityHoldsCountAndWastesAtMostA32nd() {
        for count in [0, 1, 64, 65, 100, 128, 129, 1000, 4097, 1 << 20, (1 << 20) + 1, 12_345_678] {
            let capacity = StoragePool.capacity(for: count)
            #expect(capacity >= count)
            #expect(capacity - count <= max(64, count / 32 + 1), "\(count): \(capacity)")
            #expect(StoragePool.capacity(for: capacity) == capacity)
        }
    }

    @Test func returnedBlockIsReusedIfMostOfItIsNeeded() {
        let pool = StoragePool()
        let block = pool.take(capacity: 192)
        #expect(UInt(bitPattern: block.base) % 64 == 0 && block.capacity == 192)
        pool.give(block.base, capacity: 192)
        let larger = pool.take(capacity: 256)
        let smaller = pool.take(capacity: 64)
        #expect(larger.base != block.base && smaller.base != block.base)
        let again = pool.take(capacity: 128)
        #expect(again == block)
        let fresh = pool.take(capacity: 192)
        #expect(fresh.base != block.base)
        for taken in [larger, smaller, again, fresh] {
            pool.give(taken.base, capacity: taken.capacity)
        }
        pool.drain()
    }

    @Test func tensorMemoryReturnsWithItsLastCopy() {
        // An extent that no other test uses.
        let shape: Shape = [7_654_321]
        let capacity = StoragePool.capacity(for: shape.count)
        var tensor: Tensor? = Tensor(repeating: 1, shape: shape)
        var part = tensor?.rows(5..<6)
        let address = tensor?.address
        tensor = nil
        #expect(part?.elements == [1])
        let meanwhile = StoragePool.shared.take(capacity: capacity)
        #expect(UInt(bitPattern: meanwhile.base) != address)
        part = nil
        let afterwards = StoragePool.shared.take(capacity: capacity)
        #expect(UInt(bitPattern: afterwards.base) == address)
        for taken in [meanwhile, afterwards] {
            StoragePool.shared.give(taken.base, capacity: taken.capacity)
        }
    }
}
